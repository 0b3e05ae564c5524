"""What the adapter refuses, what it says of poor data, and options beside those of the oracle files."""

import math
import warnings

import numpy as np
import pytest
from scipy import stats

from tests.oracles.adapter import solve

RATE = {"x": 5, "n": 83}
MEAN = {"n": 100, "mean": 1.0, "var": 4.0}
SUMS = {"type": "mean", "n": 100, "sum": 90.0, "sum_squares": 250.0}
VALUES = {"values": [1.0, 2.0, 4.0]}
PAIRS = {"numerator": [1, 2, 0, 1], "denominator": [2, 3, 1, 2]}
LOOKS = {"alpha": 0.05, "spending": {"name": "pocock_ld"}}

REFUSED = [
    *(
        ("two_proportion_z", {"control": RATE | bad, "treatment": RATE})
        for bad in ({"x": 84}, {"x": -1}, {"n": math.inf})
    ),
    *(("beta_binomial", {"control": RATE, "treatment": RATE, "prior": {"alpha": a, "beta": 1}}) for a in (0, math.nan)),
    *(("proportion_ci", RATE | {"method": "wilson", "confidence": each}) for each in (0, 1, 95, math.nan)),
    *(("chi_square", {"table": each}) for each in ([], [[1, 2]], [[1, -2], [3, 4]], [[1.5, 2], [3, 4]])),
    *(("welch_t", {"control": MEAN | bad, "treatment": MEAN}) for bad in ({"var": -1}, {"mean": math.nan}, {"n": 1.5})),
    *(("welch_t", {"control": {"values": each}, "treatment": VALUES}) for each in ([math.inf], [None], ["a"])),
    ("welch_t", {"control": MEAN, "treatment": MEAN, "alternative": "sideways"}),
    ("relative_lift", {"control": SUMS | {"sum_squares": 1.0}, "treatment": SUMS}),
    ("ratio_delta", {"control": PAIRS | {"denominator": [1]}, "treatment": PAIRS}),
    *(("srm", {"observed": [500, 500], "weights": each}) for each in ([0, 0], [1], [1, -1], [1, math.nan])),
    *(("multiple_testing", {"p_values": each, "method": "holm"}) for each in ([], [math.nan], [1.5])),
    *(("group_sequential_bounds", LOOKS | {"information": each}) for each in ([], [0.5, 0.2], [0.5, 0.5], [0, 1])),
    *(("sample_size_proportions", {"baseline": 0.5, "mde_absolute": each}) for each in (0, 0.6, math.nan)),
    ("sample_size_means", {"mde_absolute": 1, "sd": 0}),
    ("non_inferiority_means", {"control": MEAN, "treatment": MEAN, "margin_absolute": -1}),
    ("quantile_ci", {"values": [1.0, 2.0], "quantile": 1}),
    ("two_proportion_z", {"control": RATE}),
]
POOR = [
    ("two_proportion_z", {"control": {"x": 0, "n": 0}, "treatment": RATE}),
    ("chi_square", {"table": [[0, 10], [0, 20]]}),
    ("welch_t", {"control": {"values": []}, "treatment": VALUES}),
    ("welch_t", {"control": MEAN | {"n": 1}, "treatment": MEAN}),
    ("relative_lift", {"control": SUMS | {"sum": 0.0}, "treatment": SUMS}),
    ("relative_lift", {"control": SUMS | {"sum": 50.0, "sum_squares": 25.0}, "treatment": SUMS | {"n": 0, "sum": 0}}),
    ("bayes_normal_effect", {"control": SUMS | {"sum": 0.0}, "treatment": SUMS}),
    ("asymptotic_confidence_sequence", {"control": SUMS | {"sum": 0.0}, "treatment": SUMS, "tuning_n": 100}),
    ("cuped", {"control": {"post": [1, 1], "pre": [1, 2]}, "treatment": {"post": [1, 1], "pre": [1, 3]}}),
    ("ratio_delta", {"control": PAIRS | {"denominator": [0] * 4}, "treatment": PAIRS}),
    ("srm", {"observed": [0, 0], "weights": [1, 1]}),
]


@pytest.mark.parametrize(("method", "inputs"), REFUSED)
def test_impossible_input_is_refused(method, inputs):
    with pytest.raises(ValueError, match=r"\w"):
        solve(method, inputs)


@pytest.mark.parametrize(("method", "inputs"), POOR)
def test_poor_data_give_no_p_value_but_a_reason(method, inputs):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        answer = solve(method, inputs)
    assert answer["p_value"] is None
    assert answer["reason"]


def test_what_is_not_offered_is_told_apart_from_what_is_wrong():
    for method, inputs in (
        ("bootstrap", {}),
        ("srm", {"observed": [1], "weights": [1], "colour": "blue"}),
        ("multiple_testing", {"p_values": [0.1], "method": "storey"}),
    ):
        with pytest.raises(NotImplementedError):
            solve(method, inputs)


@pytest.mark.parametrize(
    ("alternative", "peer"), [("greater", "greater"), ("less", "less"), ("two-sided", "two-sided")]
)
def test_values_and_moments_agree_with_scipy(alternative, peer):
    rng = np.random.default_rng(1)
    before, after = rng.normal(3, 2, 40), rng.normal(4, 3, 25)
    expected = stats.ttest_ind(after, before, equal_var=False, alternative=peer)
    arms = [{"values": each.tolist()} for each in (before, after)]
    sums = [{"type": "mean", "n": len(e), "sum": e.sum(), "sum_squares": (e**2).sum()} for e in (before, after)]
    for control, treatment in (arms, sums):
        answer = solve("welch_t", {"control": control, "treatment": treatment, "alternative": alternative})
        assert answer["p_value"] == pytest.approx(expected.pvalue, rel=1e-9)
        interval = expected.confidence_interval(0.95)
        assert (answer["ci_lower"], answer["ci_upper"]) == pytest.approx((interval.low, interval.high), rel=1e-9)


def test_few_units_still_have_pearsons_p_value():
    answer = solve("srm", {"observed": [3, 9], "weights": [1, 1]})
    assert answer["p_value"] == pytest.approx(stats.chisquare([3, 9]).pvalue, rel=1e-12)
    assert answer["reason"]


def test_units_of_information_are_as_good_as_fractions():
    by_units, by_shares = (
        solve("group_sequential_bounds", LOOKS | {"information": each})["z_bounds"]
        for each in ([1, 2, 4], [0.25, 0.5, 1])
    )
    assert by_units == by_shares


def test_a_transposed_table_is_the_same_table():
    table = [[83, 3], [90, 3], [129, 7], [70, 12]]
    across = [list(each) for each in zip(*table, strict=True)]
    assert solve("chi_square", {"table": across}) == solve("chi_square", {"table": table})
