"""The contract of an allocation strategy, as tests."""

import random
from abc import abstractmethod
from collections import Counter
from itertools import accumulate
from math import isclose

from scipy.special import chdtrc

from omniforge_graph.domain.experiment import Variant
from omniforge_graph.domain.shares import WHOLE, Phase, Range, lay_out
from omniforge_graph.plugin.interfaces import AllocationStrategy
from omniforge_graph.testing.extension import ExtensionContract

_UNITS = 50_000
_LAST_POINT = 1 - 2.0**-53
_LAYOUTS: tuple[tuple[int, ...], ...] = (
    (5000, 5000),
    (9999, 1),
    (5000, 3000, 2000),
    (3334, 3333, 3333),
    (1429, 1429, 1429, 1429, 1428, 1428, 1428),
)


class AllocationStrategyContract(ExtensionContract):
    """Subclass it as ``class TestMine(AllocationStrategyContract)``, return your strategy from `make`, run pytest.

    It checks that assignment is sticky, that only the experiment's variants are chosen at every point of the line,
    and that units arrive in the proportions of `expected_shares` (chi-square on seeded points, p > 1e-4).
    """

    @abstractmethod
    def make(self) -> AllocationStrategy:
        """Return a new instance of the strategy under test."""

    def test_it_knows_the_variants(self) -> None:
        """Every point has a variant of the experiment: the ends of the line and both sides of every border."""
        borders = [border / 100 for border in range(1, 100)]
        edges = [0.0, *borders, *(border - 2.0**-53 for border in borders), _LAST_POINT]
        for variants, phase in _experiments():
            known = {variant.id for variant in variants}
            chosen = set(self._choices(variants, phase, edges))
            assert chosen <= known, f"it chose {sorted(map(repr, chosen - known))}, which are no variants"

    def test_it_is_sticky(self) -> None:
        """A unit keeps its variant: on a second call, in another order, and with another instance."""
        points = _points(500)
        for variants, phase in _experiments():
            first = self._choices(variants, phase, points)
            again = self._choices(variants, phase, points[::-1])[::-1]
            assert first == again, "the variant must depend on nothing but the arguments"

    def test_what_it_prepares_answers_as_it_chooses(self) -> None:
        """`prepare` and `choose` agree at every point: what is selected is what anyone can check."""
        points = [0.0, *_points(500), _LAST_POINT]
        for variants, phase in _experiments():
            prepared = self.make().prepare(variants, phase, self.parsed_options())
            assert list(map(prepared, points)) == self._choices(variants, phase, points)

    def test_expected_shares_belong_to_the_variants(self) -> None:
        """Every variant has one share from 0 to 1, and they sum to 1."""
        for variants, phase in _experiments():
            shares = self.make().expected_shares(variants, phase, self.parsed_options())
            assert set(shares) == {variant.id for variant in variants}, "give one share for each variant id"
            assert all(0 <= share <= 1 for share in shares.values()), f"shares lie between 0 and 1: {dict(shares)}"
            assert isclose(sum(shares.values()), 1), f"shares sum to 1: {dict(shares)}"

    def test_units_arrive_in_the_expected_shares(self) -> None:
        """Observed counts agree with `expected_shares`; the sample-ratio check of every experiment relies on it."""
        points = _points(_UNITS)
        for variants, phase in _experiments():
            shares = self.make().expected_shares(variants, phase, self.parsed_options())
            counts = Counter(self._choices(variants, phase, points))
            uninvited = [variant_id for variant_id in counts if not shares.get(variant_id)]
            assert not uninvited, f"{uninvited} should receive no units"
            expected = {variant_id: share * _UNITS for variant_id, share in shares.items() if share > 0}
            statistic = sum((counts[key] - value) ** 2 / value for key, value in expected.items())
            p_value = chdtrc(len(expected) - 1, statistic) if len(expected) > 1 else 1.0
            assert p_value > 1e-4, f"expected {expected}, observed {dict(counts)}: chi-square p = {p_value:.2g}"

    def _choices(self, variants: tuple[Variant, ...], phase: Phase, points: list[float]) -> list[str]:
        strategy, options = self.make(), self.parsed_options()
        return [strategy.choose(variants, phase, point, options) for point in points]


def _points(count: int) -> list[float]:
    generator = random.Random(20_240_607)  # noqa: S311 - reproducible, not secret
    return [generator.random() for _ in range(count)]


def _experiments() -> list[tuple[tuple[Variant, ...], Phase]]:
    experiments = []
    for layout in _LAYOUTS:
        variants = tuple(
            Variant(f"variant-{index}", f"Variant {index}", f"version-{index}", share, is_control=index == 0)
            for index, share in enumerate(layout)
        )
        phase = lay_out([(variant.id, variant.basis_points) for variant in variants])
        experiments += [(variants, phase), (variants, _shuffled(phase))]
    return experiments


def _shuffled(phase: Phase) -> Phase:
    """Return the same shares in a later phase, where a variant may own several ranges in any order."""
    pieces = [
        (stretch.variant_id, length)
        for stretch in reversed(phase.ranges)
        for length in ((stretch.end - stretch.start) // 2, (stretch.end - stretch.start + 1) // 2)
    ]
    pieces = [(variant_id, length) for variant_id, length in pieces[::2] + pieces[1::2] if length]
    ends = list(accumulate(length for _, length in pieces))
    ranges = tuple(Range(owner, end - length, end) for (owner, length), end in zip(pieces, ends, strict=True))
    assert ends[-1] == WHOLE
    return Phase(number=phase.number + 1, ranges=ranges)
