"""The contracts for plugin authors find the faults they promise to find."""

import itertools
import warnings
from dataclasses import replace

import numpy as np
import pytest
from scipy.special import ndtr, ndtri

from omniforge_graph.errors import OmniForgeError
from omniforge_graph.plugin import AllocationStrategy, ComparisonArrays, Flag, Options, StatisticalTest
from omniforge_graph.testing import AllocationStrategyContract, StatisticalTestContract


def failures(contract, cls, options=None):
    """The checks of a contract that fail for a class, run as pytest would run them."""
    suite = type("Suite", (contract,), {"make": lambda self: cls(), "options": options})()
    failed = set()
    for name in dir(suite):
        if name.startswith("test_"):
            try:
                getattr(suite, name)()
            except (AssertionError, ArithmeticError, IndexError, TypeError, OmniForgeError, ValueError, Warning):
                failed.add(name.removeprefix("test_"))
    return failed


# ---------------------------------------------------------------- allocation strategies


class Sound(AllocationStrategy):
    name = "sound"
    description = "By the shares."

    def choose(self, variants, phase, point, options):
        return phase.owner(point)


def test_a_sound_strategy_passes():
    assert failures(AllocationStrategyContract, Sound) == set()


class Unsticky(Sound):
    calls = itertools.count()

    def choose(self, variants, phase, point, options):
        return phase.owner((point + next(self.calls) * 0.618) % 1)


class Stranger(Sound):
    def choose(self, variants, phase, point, options):
        return phase.owner(point) if point < 0.999 else "stranger"


class OffTheEnd(Sound):
    def choose(self, variants, phase, point, options):
        return variants[round(point * len(variants))].id


class Hasty(Sound):
    def prepare(self, variants, phase, options):
        return lambda point: variants[int(point * len(variants))].id


class Biased(Sound):
    def choose(self, variants, phase, point, options):
        return phase.owner(point**1.05)


class WrongShares(Sound):
    def expected_shares(self, variants, phase, options):
        return {variant.id: 1.0 for variant in variants}


class ForgottenShares(Sound):
    def expected_shares(self, variants, phase, options):
        return {variants[0].id: 1.0}


class Nameless(Sound):
    name = "not a name"


class Restless(Sound):
    counter = itertools.count()

    def __init__(self):
        self.name = f"restless_{next(self.counter)}"


class NeedsOptions(Sound):
    class Needed(Options):
        must: int

    options_type = Needed


class Permissive(Sound):
    class Anything(Options, forbid_unknown_fields=False):
        pass

    options_type = Anything


@pytest.mark.parametrize(
    ("cls", "found"),
    [
        (Unsticky, {"it_is_sticky", "what_it_prepares_answers_as_it_chooses"}),
        (Stranger, {"it_knows_the_variants", "units_arrive_in_the_expected_shares"}),
        (
            OffTheEnd,
            {
                "it_knows_the_variants",
                "it_is_sticky",
                "what_it_prepares_answers_as_it_chooses",
                "units_arrive_in_the_expected_shares",
            },
        ),
        (Hasty, {"what_it_prepares_answers_as_it_chooses"}),
        (Biased, {"units_arrive_in_the_expected_shares"}),
        (WrongShares, {"expected_shares_belong_to_the_variants", "units_arrive_in_the_expected_shares"}),
        (ForgottenShares, {"expected_shares_belong_to_the_variants", "units_arrive_in_the_expected_shares"}),
        (Nameless, {"it_can_be_offered", "options_have_defaults_and_a_schema"}),
        (Restless, {"its_name_does_not_depend_on_the_instance"}),
        (Permissive, {"unknown_options_are_refused"}),
    ],
)
def test_a_faulty_strategy_is_found_out(cls, found):
    assert failures(AllocationStrategyContract, cls) == found


def test_options_without_defaults_are_found_out():
    assert failures(AllocationStrategyContract, NeedsOptions) >= {"it_can_be_offered"}


def test_bad_raw_options_are_found_out():
    assert "it_is_sticky" in failures(AllocationStrategyContract, Sound, {"no_such": 1})


# ---------------------------------------------------------------- statistical tests


class Wald(StatisticalTest):
    """A z-test on means with unpooled variances: simple, and sound for the contract's purposes."""

    name = "wald"
    description = "Difference of means by the normal approximation."

    def compare(self, samples, design, options):
        control = [design.control]
        treatments = [i for i in range(samples.units.shape[-1]) if i != design.control]
        with np.errstate(all="ignore"):
            error = samples.variance / samples.units
            estimate = samples.mean[..., treatments] - samples.mean[..., control]
            deviation = np.sqrt(error[..., treatments] + error[..., control])
            p_value = 2 * ndtr(-np.abs(estimate / np.where(deviation > 0, deviation, np.nan)))
        margin = ndtri(1 - design.alpha / 2) * deviation
        poor = np.isnan(estimate) | np.isnan(p_value)
        return ComparisonArrays(
            estimate=estimate,
            lower=estimate - margin,
            upper=estimate + margin,
            p_value=p_value,
            flags={Flag.TOO_FEW_UNITS: poor},
        )


def test_a_sound_test_passes():
    assert failures(StatisticalTestContract, Wald) == set()


class Silent(Wald):
    def compare(self, samples, design, options):
        return replace(super().compare(samples, design, options), flags={})


class Warns(Wald):
    def compare(self, samples, design, options):
        if np.any(samples.units == 0):
            warnings.warn("few units", RuntimeWarning, stacklevel=1)
        return super().compare(samples, design, options)


class Raises(Wald):
    def compare(self, samples, design, options):
        if np.any(samples.units < 2):
            raise ValueError("few units")
        return super().compare(samples, design, options)


class Writes(Wald):
    def compare(self, samples, design, options):
        samples.mean[...] = np.nan_to_num(samples.mean)
        return super().compare(samples, design, options)


class Reversed(Wald):
    def compare(self, samples, design, options):
        found = super().compare(samples, design, options)
        return replace(found, estimate=-found.estimate, lower=-found.upper, upper=-found.lower)


class KeepsTheControl(Wald):
    def compare(self, samples, design, options):
        found = super().compare(samples, design, options)
        return replace(found, p_value=np.concatenate([found.p_value, found.p_value[..., :1]], axis=-1))


class IgnoresTheControl(Wald):
    def compare(self, samples, design, options):
        return super().compare(samples, replace(design, control=0), options)


class IgnoresConfidence(Wald):
    def compare(self, samples, design, options):
        return super().compare(samples, replace(design, confidence_level=0.95), options)


class Overconfident(Wald):
    def compare(self, samples, design, options):
        found = super().compare(samples, design, options)
        return replace(found, p_value=found.p_value**1.5)


class OneSided(Wald):
    def compare(self, samples, design, options):
        found = super().compare(samples, design, options)
        return replace(found, p_value=found.p_value * 1.2)


class Unseeded(Wald):
    def compare(self, samples, design, options):
        found = super().compare(samples, design, options)
        noise = np.random.default_rng().normal(1, 1e-12, found.estimate.shape)
        return replace(found, p_value=np.minimum(found.p_value * noise, 1))


class LeaksBetweenSlices(Wald):
    def compare(self, samples, design, options):
        found = super().compare(samples, design, options)
        margin = np.nanmax((found.upper - found.lower) / 2)
        return replace(found, lower=found.estimate - margin, upper=found.estimate + margin)


class FirstAgainstAll(Wald):
    def compare(self, samples, design, options):
        found = super().compare(samples, design, options)
        position = 1 + 0.01 * np.arange(found.estimate.shape[-1])
        return replace(found, lower=found.estimate - (found.estimate - found.lower) * position)


@pytest.mark.parametrize(
    ("cls", "found"),
    [
        (Silent, {"poor_data_is_flagged"}),
        (Warns, {"slices_are_independent", "it_is_deterministic", "poor_data_is_flagged", "ranges"}),
        (Raises, {"slices_are_independent", "it_is_deterministic", "poor_data_is_flagged", "ranges"}),
        (Reversed, {"the_estimate_has_the_sign_of_the_difference"}),
        (IgnoresTheControl, {"swapping_control_and_treatment_negates_the_estimate"}),
        (IgnoresConfidence, {"more_units_and_less_confidence_narrow_the_interval"}),
        (Overconfident, {"false_positives_stay_within_alpha"}),
        (OneSided, {"ranges"}),
        (Unseeded, {"it_is_deterministic"}),
        (FirstAgainstAll, {"the_order_of_treatments_does_not_matter"}),
    ],
)
def test_a_faulty_test_is_found_out(cls, found):
    assert failures(StatisticalTestContract, cls) == found


@pytest.mark.parametrize(
    ("cls", "found"),
    [
        (Writes, "healthy_data_gives_numbers"),
        (KeepsTheControl, "shapes"),
        (LeaksBetweenSlices, "slices_are_independent"),
    ],
)
def test_a_fault_of_many_faces_is_found_out(cls, found):
    assert found in failures(StatisticalTestContract, cls)
