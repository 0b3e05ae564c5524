"""Who sees which variant: deterministic everywhere, independent between experiments, true to the shares."""

import json
import subprocess
import sys
from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import chdtrc

from omniforge_graph.domain.bucketing import HashAlgorithm, point
from omniforge_graph.domain.experiment import PromptExperiment, Variant
from omniforge_graph.domain.metric import Metric
from omniforge_graph.domain.plan import AllocationPlan
from omniforge_graph.domain.shares import WHOLE, Phase, Range, lay_out
from omniforge_graph.errors import PluginError, TextError, UnknownPluginError, ValidationError
from omniforge_graph.plugin import AllocationStrategy, Options, hookimpl
from omniforge_graph.plugin.manager import build_registry, load_plugins
from omniforge_graph.services.allocator import TrafficAllocator

MILLION = 1_000_000
ALGORITHMS = list(HashAlgorithm)


def experiment(shares, *, seed="seed", phase=None, **plan):
    variants = tuple(
        Variant(f"v{i}", f"V{i}", f"version-{i}", share, is_control=i == 0) for i, share in enumerate(shares)
    )
    phase = phase or lay_out([(v.id, v.basis_points) for v in variants])
    return PromptExperiment(
        id="e",
        prompt_id="p",
        name="n",
        variants=variants,
        metrics=(Metric("converted"),),
        allocation=AllocationPlan(seed=seed, phases=(phase,), **plan),
        created_at=datetime(2024, 1, 1, tzinfo=UTC),
        created_by="me",
    )


def indices(shares, *, units=MILLION, **plan):
    """The variants, by index, of units tenant-0, tenant-1 and so on."""
    assign = TrafficAllocator(load_plugins()).assigner(experiment(shares, **plan))
    return np.fromiter((int(assign(f"tenant-{i}")[1:]) for i in range(units)), np.int64, units)


def chi_square_p(observed, expected, degrees):
    return float(chdtrc(degrees, ((observed - expected) ** 2 / expected).sum()))


# ---------------------------------------------------------------- the same everywhere


def test_it_works_alone():
    assert TrafficAllocator().allocate(experiment([5000, 5000]), "tenant-1") in {"v0", "v1"}


def test_other_processes_agree_whatever_their_hash_seed():
    code = (
        "import importlib.util, json, sys\n"
        "spec = importlib.util.spec_from_file_location('allocator_test', sys.argv[1])\n"
        "module = importlib.util.module_from_spec(spec); spec.loader.exec_module(module)\n"
        "print(json.dumps(module.sample()))"
    )
    for hash_seed in ("0", "1", "4242"):
        done = subprocess.run(
            [sys.executable, "-c", code, __file__],
            env={"PYTHONHASHSEED": hash_seed, "PATH": "/usr/bin"},
            capture_output=True,
            check=True,
            text=True,
        )
        assert json.loads(done.stdout) == sample()


def sample():
    return [
        indices([5000, 3000, 2000], units=300, hash_algorithm=algorithm, strategy=strategy).tolist()
        for algorithm in ALGORITHMS
        for strategy in ("weighted", "even")
    ]


@given(
    unit=st.text(st.characters(blacklist_categories=["Cs"], blacklist_characters="\0"), min_size=1, max_size=256),
    shares=st.lists(st.integers(1, 400), min_size=2, max_size=20),
    algorithm=st.sampled_from(ALGORITHMS),
)
def test_a_unit_falls_into_the_range_that_holds_its_point(unit, shares, algorithm):
    shares = [WHOLE - sum(shares), *shares]
    assign = TrafficAllocator(load_plugins()).assigner(experiment(shares, hash_algorithm=algorithm))
    index = int(assign(unit)[1:])
    place = point(algorithm, "seed", unit) * WHOLE
    assert sum(shares[:index]) <= place < sum(shares[: index + 1])
    assert assign(unit) == f"v{index}"


def test_a_later_phase_moves_only_the_units_that_must_move():
    moved = Phase(2, (Range("v0", 0, 4000), Range("v2", 4000, 5000), Range("v1", 5000, 8000), Range("v2", 8000, WHOLE)))
    before = indices([5000, 3000, 2000], units=20_000)
    after = indices([4000, 3000, 3000], units=20_000, phase=moved)
    assert {(int(a), int(b)) for a, b in zip(before, after, strict=True) if a != b} == {(0, 2)}


def test_an_experiment_that_changed_is_not_answered_from_the_last_one():
    allocator = TrafficAllocator(load_plugins())
    one, other = experiment([9999, 1]), experiment([1, 9999])
    assert [allocator.allocate(each, "tenant-1") for each in (one, other, one)] == ["v0", "v1", "v0"]


# ---------------------------------------------------------------- a million units

# Units and seeds are fixed, so these results are exact; p > 1e-4 is what a fair split has in 9,999 of 10,000 seeds.


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_shares_and_independence_on_a_million_units(algorithm):
    shares, others = np.array([5000, 3000, 2000]), np.array([3334, 3333, 3333])
    one = indices(shares.tolist(), seed="one", hash_algorithm=algorithm)
    other = indices(others.tolist(), seed="other", hash_algorithm=algorithm)
    assert chi_square_p(np.bincount(one), shares * MILLION / WHOLE, 2) > 1e-4
    assert chi_square_p(np.bincount(other), others * MILLION / WHOLE, 2) > 1e-4
    table = np.bincount(one * 3 + other, minlength=9).reshape(3, 3)
    expected = table.sum(axis=1, keepdims=True) * table.sum(axis=0, keepdims=True) / MILLION
    assert chi_square_p(table, expected, 4) > 1e-4


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_a_share_of_a_hundredth_of_a_percent(algorithm):
    rare = np.bincount(indices([9999, 1], hash_algorithm=algorithm))
    assert chi_square_p(rare, np.array([999_900.0, 100.0]), 1) > 1e-4


def test_thirds_are_thirds():
    counts = np.bincount(indices([5000, 3000, 2000], strategy="even"))
    assert chi_square_p(counts, np.full(3, MILLION / 3), 2) > 1e-4


# ---------------------------------------------------------------- expected shares


def test_expected_shares():
    allocator = TrafficAllocator(load_plugins())
    assert allocator.expected_shares(experiment([9999, 1])) == {"v0": 0.9999, "v1": 0.0001}
    even = allocator.expected_shares(experiment([5000, 3000, 2000], strategy="even"))
    assert even == {"v0": 1 / 3, "v1": 1 / 3, "v2": 1 / 3}


# ---------------------------------------------------------------- what can go wrong


@pytest.mark.parametrize(
    ("identifier", "words"),
    [
        ("", "empty"),
        ("  ", "empty"),
        ("x" * 257, "257"),
        ("a\0b", "U+0000"),
        ("\ud800", "U+D800"),
        (42, "must be text, not int"),
        (None, "must be text, not NoneType"),
    ],
)
def test_bad_identifiers_are_refused(identifier, words):
    with pytest.raises(TextError, match=words.replace("+", r"\+")) as caught:
        TrafficAllocator(load_plugins()).allocate(experiment([5000, 5000]), identifier)
    assert caught.value.field == "identifier"


def test_an_unknown_strategy_is_named_with_the_loaded_ones():
    with pytest.raises(UnknownPluginError, match=r"'nope' is loaded; there are: even, weighted") as caught:
        TrafficAllocator(load_plugins()).allocate(experiment([5000, 5000], strategy="nope"), "u")
    assert caught.value.path == ("allocation", "strategy")


def test_wrong_options_are_named():
    with pytest.raises(ValidationError, match="unknown field `wieght`") as caught:
        TrafficAllocator(load_plugins()).allocate(experiment([5000, 5000], options={"wieght": 1}), "u")
    assert caught.value.path == ("allocation", "options", "wieght")


class Scripted(AllocationStrategy):
    """Does what a test tells it."""

    name = "scripted"
    description = "For tests."

    class Settings(Options):
        answer: str = "v0"

    options_type = Settings

    def __init__(self, problem=None, shares=None):
        self.problem, self.shares = problem, shares

    def choose(self, variants, phase, point, options):
        if self.problem:
            raise self.problem
        return options.answer

    def expected_shares(self, variants, phase, options):
        if self.problem:
            raise self.problem
        return self.shares


class Plugin:
    def __init__(self, strategy):
        self.strategy = strategy

    @hookimpl
    def omniforge_register_allocation_strategies(self):
        return [self.strategy]


def scripted(**behaviour):
    return TrafficAllocator(build_registry(Plugin(Scripted(**behaviour))))


def test_options_reach_the_strategy():
    chosen = experiment([5000, 5000], strategy="scripted", options={"answer": "v1"})
    assert scripted().allocate(chosen, "u") == "v1"


@pytest.mark.parametrize("problem", [RuntimeError("no luck"), SystemExit("no luck")])
def test_a_strategy_that_raises_is_named(problem):
    chosen = experiment([5000, 5000], strategy="scripted")
    with pytest.raises(PluginError, match=r"strategy scripted of plugin Plugin raised \w+: no luck\.$") as caught:
        scripted(problem=problem).allocate(chosen, "u")
    assert caught.value.plugin == "Plugin"
    assert caught.value.__cause__ is problem
    with pytest.raises(PluginError, match="no luck"):
        scripted(problem=problem).expected_shares(chosen)


def test_ctrl_c_passes_through():
    with pytest.raises(KeyboardInterrupt):
        scripted(problem=KeyboardInterrupt()).allocate(experiment([5000, 5000], strategy="scripted"), "u")


@pytest.mark.parametrize("answer", ["elsewhere", ""])
def test_a_strategy_that_answers_an_unknown_variant_is_named(answer):
    chosen = experiment([5000, 5000], strategy="scripted", options={"answer": answer})
    with pytest.raises(PluginError, match=rf"scripted .* chose '{answer}', which is no variant of experiment e"):
        scripted().allocate(chosen, "u")


class Preparing(Scripted):
    """Prepares by the point; `choose` is not asked then."""

    def prepare(self, variants, phase, options):
        if self.problem:
            raise self.problem
        return lambda point: "v0" if point < 0.5 else options.answer


def test_what_a_strategy_prepared_decides():
    chosen = experiment([5000, 5000], strategy="scripted", options={"answer": "v1"})
    allocator = TrafficAllocator(build_registry(Plugin(Preparing())))
    units = [f"u{i}" for i in range(50)]
    expected = ["v0" if point(HashAlgorithm.XXH3_64, "seed", unit) < 0.5 else "v1" for unit in units]
    assert [allocator.allocate(chosen, unit) for unit in units] == expected
    strange = experiment([5000, 5000], strategy="scripted", options={"answer": "elsewhere"})
    with pytest.raises(PluginError, match="chose 'elsewhere', which is no variant of experiment e"):
        [allocator.allocate(strange, unit) for unit in units]


def test_a_strategy_that_cannot_prepare_is_named():
    allocator = TrafficAllocator(build_registry(Plugin(Preparing(problem=RuntimeError("no luck")))))
    with pytest.raises(PluginError, match=r"strategy scripted of plugin Plugin could not prepare: .*no luck") as caught:
        allocator.allocate(experiment([5000, 5000], strategy="scripted"), "u")
    assert isinstance(caught.value.__cause__, RuntimeError)


@pytest.mark.parametrize(
    "shares",
    [
        {"v0": 0.5, "v1": 0.4},
        {"v0": 1.5, "v1": -0.5},
        {"v0": 0.5, "v1": 0.5, "v2": 0.0},
        {"v0": 1.0},
        {"v0": 0.5, "v1": float("nan")},
        {"v0": 0.5, "v1": "half"},
        None,
    ],
)
def test_impossible_expected_shares_are_refused(shares):
    with pytest.raises(PluginError, match="scripted"):
        scripted(shares=shares).expected_shares(experiment([5000, 5000], strategy="scripted"))


def test_a_paused_experiment_keeps_its_units():
    running = experiment([5000, 5000])
    paused = replace(running, revision=7)
    allocator = TrafficAllocator(load_plugins())
    units = [f"u{i}" for i in range(200)]
    assert [allocator.allocate(running, u) for u in units] == [allocator.allocate(paused, u) for u in units]
