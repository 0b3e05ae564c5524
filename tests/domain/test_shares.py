"""Shares: exact to a hundredth of a percent, or refused."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from omniforge_graph.domain.shares import WHOLE, check_whole, lay_out, to_basis_points
from omniforge_graph.errors import SharesError


@given(st.integers(1, WHOLE))
def test_every_two_decimal_percentage_is_exact_as_float_text_and_decimal(points: int) -> None:
    exact = Decimal(points) / 100
    assert {to_basis_points(form, ("x",)) for form in (float(exact), str(exact), exact)} == {points}


@pytest.mark.parametrize(
    ("percentage", "word"),
    [
        (0, "above 0"),
        (-1, "above 0"),
        (100.01, "at most 100"),
        (33.333, "two decimals"),
        (0.001, "two decimals"),
        (float("nan"), "out of range"),
        (float("inf"), "out of range"),
        ("many", "not a number"),
        (True, "must be a number"),
        (None, "must be a number"),
        ([50], "must be a number"),
    ],
)
def test_what_is_not_a_share_is_refused_with_its_path(percentage: object, word: str) -> None:
    with pytest.raises(SharesError, match=word) as refusal:
        to_basis_points(percentage, ("variants", 0, "trafficPercentage"))
    assert refusal.value.path == ("variants", 0, "trafficPercentage")
    assert refusal.value.field == "trafficPercentage"


@pytest.mark.parametrize(("points", "total"), [([5000, 4999], "99.99"), ([5000, 5001], "100.01"), ([], "0")])
def test_a_wrong_sum_is_named(points: list[int], total: str) -> None:
    with pytest.raises(SharesError, match=f"sum to {total};"):
        check_whole(points, ("variants",))


def test_a_right_sum_passes() -> None:
    check_whole([3333, 3333, 3334], ("variants",))


@given(st.lists(st.integers(1, 200), min_size=2, max_size=20), st.floats(0, 1, exclude_max=True))
def test_ranges_tile_the_line_in_order(weights: list[int], point: float) -> None:
    cut = sum(weights[:-1])
    shares = [(f"v{i}", weight) for i, weight in enumerate(weights[:-1])]
    shares.append(("last", WHOLE - cut))
    phase = lay_out(shares)
    assert phase.ranges[0].start == 0
    assert phase.ranges[-1].end == WHOLE
    assert all(one.end == two.start for one, two in zip(phase.ranges, phase.ranges[1:], strict=False))
    assert [(r.variant_id, phase.share_of(r.variant_id)) for r in phase.ranges] == shares
    assert phase.finder()(point) == phase.owner(point)
    owner = next(r for r in phase.ranges if r.variant_id == phase.owner(point))
    assert owner.start <= int(point * WHOLE) < owner.end
