"""Expected values that nobody here wrote."""

import importlib.util
import json
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
ORACLES = ROOT / ".." / "shared" / "oracles" / "statistics"
OFFERED = {
    "two_proportion_z": 10,
    "diff_proportion_ci": 5,
    "proportion_ci": 2,
    "chi_square": 3,
    "beta_binomial": 5,
    "beta_binomial_multi": 1,
    "bayes_normal_effect": 3,
    "thompson_sampling": 1,
    "welch_t": 9,
    "relative_lift": 4,
    "cuped": 2,
    "cuped_ratio": 1,
    "ratio_delta": 2,
    "quantile_metric": 1,
    "quantile_ci": 1,
    "srm": 5,
    "group_sequential_bounds": 6,
    "group_sequential_analysis": 1,
    "group_sequential_sample_size": 1,
    "asymptotic_confidence_sequence": 2,
    "asymptotic_confidence_sequence_stream": 1,
    "anytime_valid_regression": 1,
    "msprt": 1,
    "normal_mixture_boundary": 1,
    "quantile_sequential_p": 1,
    "multiple_testing": 3,
    "sample_size_proportions": 1,
    "sample_size_proportions_evan_miller": 1,
    "sample_size_means": 2,
    "power_proportions": 1,
    "power_means": 1,
    "mde_proportions": 1,
    "non_inferiority_means": 1,
    "non_inferiority_proportions": 1,
    "non_inferiority_sample_size": 1,
}
"""How many cases of each method the engine offers; none may go missing silently."""

pytestmark = [
    pytest.mark.oracle,
    pytest.mark.skipif(not ORACLES.is_dir(), reason="the oracle files are not part of the project"),
]


def load(path):
    spec = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def cases():
    return json.loads((ORACLES / "cases.json").read_text(encoding="utf-8"))["cases"]


@pytest.mark.parametrize("method", OFFERED)
def test_every_offered_case_is_met(method, cases):
    judge, solve = load(ORACLES / "check_oracles.py"), load(Path(__file__).parent / "adapter.py").solve
    offered, failures = 0, []
    for case in (each for each in cases if each["method"] == method):
        answer = error = None
        try:
            answer = solve(method, judge.dec(case["inputs"]))
        except NotImplementedError:
            continue
        except Exception as problem:  # noqa: BLE001 - the judge decides whether it was the right one
            error = problem
        offered += 1
        met, why = judge.judge(case, answer, error)
        if not met:
            failures.append(f"{case['id']} {case['title']}: {why}")
    assert not failures, "\n".join(failures)
    assert offered == OFFERED[method]
