"""An experiment judged by its plan, look after look."""

from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from omniforge_graph.domain.analysis import GuardrailState, Verdict
from omniforge_graph.domain.experiment import ExperimentStatus, PromptExperiment, Variant
from omniforge_graph.domain.look import Look
from omniforge_graph.domain.metric import Aggregation, Direction, Metric, MetricKind
from omniforge_graph.domain.plan import AllocationPlan, AnalysisPlan, Correction, Guardrail, Monitoring
from omniforge_graph.domain.shares import WHOLE, lay_out
from omniforge_graph.services.analyzer import ExperimentAnalyzer
from omniforge_graph.statistics.always_valid import always_valid_nominal_alpha
from omniforge_graph.statistics.group_sequential import boundaries
from omniforge_graph.statistics.spending import Spending, SpendingKind

ANALYZER = ExperimentAnalyzer()
NOW = datetime(2026, 1, 1, tzinfo=UTC)
WON = Metric("won")
RATING = Metric("rating", MetricKind.CONTINUOUS, aggregation=Aggregation.MEAN)
COST = Metric("cost", MetricKind.CONTINUOUS, Direction.LOWER_IS_BETTER)
LENGTH = Metric("length", MetricKind.CONTINUOUS)


def trial(*metrics, names=("old", "new"), shares=None, status=ExperimentStatus.RUNNING, **plan) -> PromptExperiment:
    share, rest = divmod(WHOLE, len(names))
    points = shares or [share + (place < rest) for place in range(len(names))]
    variants = tuple(
        Variant(f"id-{name}", name, f"version-{name}", each, is_control=place == 0)
        for place, (name, each) in enumerate(zip(names, points, strict=True))
    )
    phases = (lay_out([(variant.id, variant.basis_points) for variant in variants]),)
    allocation, analysis = AllocationPlan("seedseed", phases), AnalysisPlan(**plan)
    measured = metrics or (WON,)
    return PromptExperiment("e", "p", "n", variants, measured, allocation, NOW, "me", analysis, status=status)


def rates(**counts):
    return {name: {"units": units, "conversions": conversions} for name, (conversions, units) in counts.items()}


def means(**numbers):
    names = ("units", "mean", "standard_deviation")
    return {variant: dict(zip(names, each, strict=True)) for variant, each in numbers.items()}


class Watched:
    """An experiment that is looked at again and again, and remembers the looks that count."""

    def __init__(self, experiment: PromptExperiment) -> None:
        self.experiment = experiment
        self.looks: list[Look] = []

    def look(self, numbers, **more):
        """Return the analysis of this moment."""
        found = ANALYZER.assess(self.experiment, numbers, looks=self.looks, **more)
        if found.standing.counts:
            units = found.result.sample_ratio.observed
            self.looks.append(Look("e", len(self.looks) + 1, NOW, units, found.standing.tuned_units, found.seen))
        return found.result

    def rates(self, first, second, **more):
        """Look at (conversions, units) of two variants."""
        return self.look({"won": rates(old=first, new=second)}, **more)


def adjusted(result):
    return [each.adjusted_p_value for each in result.comparisons]


def valid(result):
    return [each.valid_p_value for each in result.comparisons]


def codes(result):
    return {notice.code for notice in result.notices}


# ---------------------------------------------------------------- several comparisons

THREE = ("old", "new", "bold")
FAMILY = {
    "won": rates(old=(1000, 10_000), new=(1085, 10_000), bold=(1110, 10_000)),
    "rating": means(old=(9000, 3.0, 1.0), new=(9100, 3.05, 1.0), bold=(9050, 3.02, 1.1)),
    "cost": means(old=(10_000, 1.0, 0.5), new=(10_000, 0.99, 0.5), bold=(10_000, 0.98, 0.6)),
    "length": means(old=(10_000, 200, 50), new=(10_000, 201, 50), bold=(10_000, 202, 55)),
}


def stepped(p_values, factors, *, down):
    """Adjust by hand: multiply the sorted p-values by their factors, then let them never fall, or never rise back."""
    order = sorted(range(len(p_values)), key=lambda at: p_values[at], reverse=not down)
    found, best = {}, 0.0 if down else 1.0
    for rank, at in enumerate(order):
        grown = min(p_values[at] * factors[rank], 1.0)
        best = max(best, grown) if down else min(best, grown)
        found[at] = best
    return [found[at] for at in range(len(p_values))]


PLANS = [
    {"monitoring": Monitoring.FIXED},
    {"horizon": 60_000},
    {"monitoring": Monitoring.ALWAYS_VALID},
]


@pytest.mark.parametrize("plan", PLANS)
def test_goals_and_treatments_are_one_family_by_holm_whichever_goal_is_asked(plan) -> None:
    one = trial(WON, RATING, COST, LENGTH, names=THREE, goals=("rating", "cost"), **plan)
    numbers = {key: FAMILY[key] for key in one.goal_keys}
    asked = {key: ANALYZER.analyze(one, numbers, metric=key) for key in one.goal_keys}
    every = [p for key in one.goal_keys for p in valid(asked[key])]
    assert [p for key in one.goal_keys for p in adjusted(asked[key])] == pytest.approx(
        stepped(every, [6, 5, 4, 3, 2, 1], down=True), rel=1e-12
    )
    # They decide together: one progress, one verdict and one winner, whoever asks.
    first = asked["won"]
    for each in asked.values():
        assert (each.progress, each.winner, each.recommendation) == (
            first.progress,
            first.winner,
            first.recommendation,
        )


def test_no_correction_leaves_what_is_valid() -> None:
    one = trial(WON, RATING, names=THREE, goals=("rating",), correction=Correction.NONE, horizon=60_000)
    found = ANALYZER.analyze(one, {key: FAMILY[key] for key in ("won", "rating")})
    assert adjusted(found) == valid(found)
    assert None not in adjusted(found)


def test_goals_may_hold_the_share_of_false_findings_instead() -> None:
    plan = {"goals": ("rating",), "correction": Correction.BENJAMINI_HOCHBERG, "monitoring": Monitoring.FIXED}
    one = trial(WON, RATING, names=THREE, **plan)
    found = [ANALYZER.analyze(one, {key: FAMILY[key] for key in one.goal_keys}, metric=key) for key in one.goal_keys]
    every = [p for each in found for p in valid(each)]
    expected = stepped(every, [4 / 4, 4 / 3, 4 / 2, 4 / 1], down=False)
    assert [p for each in found for p in adjusted(each)] == pytest.approx(expected, rel=1e-12)


def test_other_metrics_are_secondary_and_a_guardrail_stands_alone() -> None:
    guardrails = (Guardrail("rating", 0.02),)
    one = trial(WON, RATING, COST, LENGTH, names=THREE, guardrails=guardrails, monitoring=Monitoring.FIXED)
    numbers = {key: FAMILY[key] for key in ("cost", "length")}
    secondary = [ANALYZER.analyze(one, numbers, metric=key) for key in numbers]
    every = [p for each in secondary for p in valid(each)]
    expected = stepped(every, [4 / 4, 4 / 3, 4 / 2, 4 / 1], down=False)
    assert [p for each in secondary for p in adjusted(each)] == pytest.approx(expected, rel=1e-12)
    assert all(each.guardrails == () for each in secondary)
    alone = ANALYZER.analyze(one, {"rating": FAMILY["rating"]}, metric="rating")
    assert adjusted(alone) == pytest.approx(stepped(valid(alone), [2, 1], down=True), rel=1e-12)
    goal = ANALYZER.analyze(one, {key: FAMILY[key] for key in ("won", "rating")})
    assert adjusted(goal) == pytest.approx(stepped(valid(goal), [2, 1], down=True), rel=1e-12)


def test_a_goal_with_too_few_units_decides_nothing_yet_and_the_others_do() -> None:
    one = trial(WON, RATING, goals=("rating",), horizon=20_000)
    numbers = {
        "won": rates(old=(1000, 5000), new=(1010, 5000)),
        "rating": means(old=(60, 3.0, 0.1), new=(60, 4.0, 0.1)),
    }
    for key in one.goal_keys:
        found = ANALYZER.analyze(one, numbers, metric=key)
        assert (found.is_significant, found.recommendation.verdict) == (False, Verdict.CONTINUE)
    assert found.comparisons[0].adjusted_p_value < 1e-9
    numbers["rating"] = means(old=(600, 3.0, 0.1), new=(600, 4.0, 0.1))
    assert ANALYZER.analyze(one, numbers).recommendation.verdict is Verdict.SHIP


# ---------------------------------------------------------------- group sequential

SPENDINGS = [
    (SpendingKind.OBRIEN_FLEMING, None),
    (SpendingKind.POCOCK, None),
    (SpendingKind.KIM_DEMETS, 3.0),
    (SpendingKind.HWANG_SHIH_DECANI, -2.0),
]


@pytest.mark.parametrize(("kind", "parameter"), SPENDINGS)
def test_the_looks_that_count_are_as_strict_as_the_published_boundaries(kind, parameter) -> None:
    horizon, fractions = 10_000, [0.3, 0.4, 0.42, 0.6, 0.95, 1.0]
    watched = Watched(trial(horizon=horizon, spending=kind, spending_parameter=parameter, confidence_level=0.9))
    expected = boundaries(fractions, 0.1, Spending(kind, parameter))
    fixed = trial(monitoring=Monitoring.FIXED)
    for place, fraction in enumerate(fractions):
        half = round(fraction * horizon / 2)
        numbers = ((half // 5, half), (half // 5 + 9, half))
        found = watched.rates(*numbers)
        assert found.progress.looks == place + 1
        assert found.progress.nominal_alpha == pytest.approx(expected.nominal_p[place], rel=1e-6)
        assert found.progress.spent_alpha == pytest.approx(expected.cumulative_alpha[place], rel=1e-9)
        level = 1 - found.progress.nominal_alpha
        plain = ANALYZER.analyze(fixed, {"won": rates(old=numbers[0], new=numbers[1])}, confidence_level=level)
        assert found.comparisons[0].absolute_effect == plain.comparisons[0].absolute_effect
        assert found.comparisons[0].relative_effect == plain.comparisons[0].relative_effect
    assert found.progress.spent_alpha == pytest.approx(0.1, rel=1e-12)


STEPS = st.lists(st.tuples(st.integers(100, 900), st.floats(0.1, 0.35), st.floats(0.1, 0.35)), min_size=1, max_size=5)


@settings(max_examples=40, deadline=None)
@given(STEPS, st.sampled_from([{"horizon": 4000}, {"monitoring": Monitoring.ALWAYS_VALID}]))
@example([(387, 0.35, 0.215), (411, 0.195, 0.32), (100, 0.125, 0.25)], {"monitoring": Monitoring.ALWAYS_VALID})
@example([(800, 0.35, 0.2), (200, 0.1, 0.7), (200, 0.125, 0.25)], {"horizon": 4000})
def test_it_is_significant_exactly_once_some_look_was_beyond_its_own_bound(steps, plan) -> None:
    watched = Watched(trial(**plan))
    old, new, units = 0, 0, 0
    crossed: set[bool] = set()  # whether the effect was positive where a bound was crossed
    for more, before, after in steps:
        old, new, units = old + round(more * before), new + round(more * after), units + more
        had = len(watched.looks)
        found = watched.rates((old, units), (new, units))
        (each,) = found.comparisons
        if len(watched.looks) > had or "monitoring" in plan:
            assume(abs(each.p_value / found.progress.nominal_alpha - 1) > 1e-3)
            if each.p_value < found.progress.nominal_alpha:
                crossed.add(new > old)
        # What was shown of harm says nothing of good.
        assert found.is_significant is ((new > old) in crossed if new != old else bool(crossed))


@pytest.mark.parametrize("test", ["z_test", "chi_square"])
def test_between_looks_and_after_the_end_the_decision_stays(test) -> None:
    watched = Watched(trial(test=test, horizon=10_000))
    first = watched.rates((400, 2000), (410, 2000))
    between = watched.rates((400, 2010), (600, 2010))
    assert (first.is_significant, between.is_significant) == (False, False)
    assert valid(between) == valid(first)
    assert between.comparisons[0].p_value < 1e-9
    assert between.progress.looks == first.progress.looks == 1
    found = watched.rates((600, 3000), (800, 3000))
    assert (found.is_significant, found.recommendation.verdict) == (True, Verdict.SHIP)
    later = [watched.rates((625, 3020), (800, 3020)), watched.rates((1080, 4000), (1090, 4000))]
    for each in later:
        assert (each.is_significant, each.recommendation.verdict, valid(each)) == (True, Verdict.SHIP, valid(found))
    last = watched.rates((1400, 5000), (1410, 5000))
    assert last.progress.looks == len(watched.looks) == 4
    assert last.progress.spent_alpha == pytest.approx(0.05, rel=1e-12)
    over = watched.rates((1500, 6000), (1900, 6000))
    assert (valid(over), over.progress.looks, over.recommendation.verdict) == (valid(last), 4, Verdict.SHIP)
    watched.experiment = replace(watched.experiment, status=ExperimentStatus.COMPLETED)
    ended = watched.rates((1000, 9000), (1900, 9000))
    assert (valid(ended), ended.progress.looks, len(watched.looks)) == (valid(last), 4, 4)


def test_an_ended_experiment_that_nobody_looked_at_is_judged_as_by_its_only_look() -> None:
    over = trial(horizon=10_000, status=ExperimentStatus.COMPLETED)
    found = ANALYZER.analyze(over, rates(old=(1000, 5000), new=(1100, 5000)))
    assert found.progress.nominal_alpha == pytest.approx(0.05, rel=1e-9)
    assert valid(found)[0] == pytest.approx(found.comparisons[0].p_value, rel=1e-6)


def test_the_last_look_counts_however_soon_and_over_running_spends_the_rest() -> None:
    watched = Watched(trial(horizon=10_000))
    watched.rates((800, 4900), (810, 4900))
    soon = watched.rates((805, 4920), (815, 4920))
    assert (len(watched.looks), soon.progress.looks) == (1, 1)
    copy = Watched(watched.experiment)
    copy.looks = list(watched.looks)
    ending = copy.rates((805, 4920), (815, 4920), ending=True)
    assert ending.progress.looks == len(copy.looks) == 2
    arrived = Watched(watched.experiment)
    arrived.looks = list(watched.looks)
    assert arrived.rates((820, 5001), (830, 5001)).progress.looks == 2  # 2 % later, but the end
    running_over = watched.rates((1900, 9000), (2100, 9000))
    expected = boundaries([0.98, 1.8], 0.05, Spending())
    assert running_over.progress.nominal_alpha == pytest.approx(expected.nominal_p[1], rel=1e-6)
    assert running_over.progress.spent_alpha == pytest.approx(0.05, rel=1e-12)
    assert (running_over.progress.complete, running_over.progress.missing_units) == (True, 0)


def test_too_few_units_are_not_judged_and_no_look() -> None:
    watched = Watched(trial(horizon=1000))
    found = watched.rates((0, 99), (99, 99))
    assert watched.looks == []
    assert (found.is_significant, found.winner, found.recommendation.verdict) == (False, None, Verdict.CONTINUE)
    assert "before it has 100" in found.recommendation.summary
    assert watched.rates((0, 100), (100, 100)).recommendation.verdict is Verdict.SHIP


# ---------------------------------------------------------------- always valid


def test_always_valid_p_values_and_intervals_only_get_narrower_unless_they_would_leave_out_the_estimate() -> None:
    watched = Watched(trial(monitoring=Monitoring.ALWAYS_VALID))
    path = [(200, 40, 60), (400, 90, 95), (800, 160, 230), (1200, 300, 305), (2000, 400, 540), (4000, 800, 1000)]
    best, lower, upper = 1.0, -np.inf, np.inf
    for units, old, new in path:
        found = watched.rates((old, units), (new, units))
        tuned = watched.looks[0].tuned_units
        strict = always_valid_nominal_alpha(2 * units, tuned, 0.05)
        assert found.progress.nominal_alpha == pytest.approx(strict, rel=1e-9)
        plain = ANALYZER.analyze(
            trial(monitoring=Monitoring.FIXED), rates(old=(old, units), new=(new, units)), confidence_level=1 - strict
        ).comparisons[0]
        fresh = Watched(watched.experiment)
        fresh.looks = [replace(watched.looks[0], seen=(), units=(1, 1))]  # tuned alike, and nothing seen
        best = min(best, *valid(fresh.rates((old, units), (new, units))))
        lower, upper = max(lower, plain.absolute_effect.lower), min(upper, plain.absolute_effect.upper)
        (each,) = found.comparisons
        assert each.valid_p_value == pytest.approx(best, rel=1e-12)
        effect = plain.absolute_effect
        cut = (lower, upper) if lower <= effect.estimate <= upper else (effect.lower, effect.upper)
        assert (each.absolute_effect.lower, each.absolute_effect.upper) == pytest.approx(cut, rel=1e-12)
        assert each.absolute_effect.estimate == pytest.approx((new - old) / units, rel=1e-12)
    assert lower < upper


def test_where_the_intersection_is_empty_the_present_interval_stands() -> None:
    watched = Watched(trial(monitoring=Monitoring.ALWAYS_VALID))
    watched.rates((100, 1000), (500, 1000))
    found = watched.rates((5000, 50_000), (5000, 50_000))
    effect = found.comparisons[0].absolute_effect
    assert effect.lower < 0 < effect.upper
    assert found.is_significant  # what was found once is not taken back


# ---------------------------------------------------------------- one look


def test_before_its_horizon_a_plan_for_one_look_names_no_winner_and_says_why() -> None:
    plan = trial(monitoring=Monitoring.FIXED, horizon=10_000)
    early = ANALYZER.analyze(plan, rates(old=(500, 4900), new=(700, 4900)))
    assert (early.winner, early.recommendation.verdict) == (None, Verdict.CONTINUE)
    assert not early.sample_size_sufficient
    assert "looks once, when 10,000 units have arrived, and 200 are missing" in early.recommendation.summary
    assert all("looks once" in each.reason for each in early.recommendation.why_not if each.verdict is Verdict.SHIP)
    late = ANALYZER.analyze(plan, rates(old=(500, 5000), new=(700, 5000)))
    assert (late.winner, late.recommendation.verdict) == ("id-new", Verdict.SHIP)


def test_a_test_that_gives_no_p_values_is_for_one_look_and_says_so() -> None:
    numbers = rates(old=(500, 5000), new=(700, 5000))
    found = ANALYZER.analyze(trial(horizon=20_000, test="bayesian"), numbers)
    assert found.progress.monitoring is Monitoring.FIXED
    assert (found.winner, found.recommendation.verdict) == (None, Verdict.CONTINUE)
    assert "NOT_SAFE_TO_PEEK" in codes(found)
    assert found.comparisons[0].valid_p_value is found.comparisons[0].adjusted_p_value is None
    done = ANALYZER.analyze(trial(horizon=10_000, test="bayesian"), numbers)
    assert done.recommendation.verdict is Verdict.SHIP
    planned = ANALYZER.analyze(trial(horizon=10_000, test="bayesian", monitoring=Monitoring.FIXED), numbers)
    assert "NOT_SAFE_TO_PEEK" not in codes(planned)
    other = ANALYZER.analyze(trial(horizon=20_000), numbers, test="bayesian")
    assert (other.progress.monitoring, other.recommendation.verdict) == (Monitoring.FIXED, Verdict.CONTINUE)


def test_a_goal_asked_by_a_test_that_forbids_looking_stops_the_early_decision() -> None:
    one = trial(WON, RATING, goals=("rating",), horizon=40_000)
    numbers = {key: {arm: FAMILY[key][arm] for arm in ("old", "new")} for key in one.goal_keys}
    assert ANALYZER.analyze(one, numbers).progress.monitoring is Monitoring.GROUP_SEQUENTIAL
    found = ANALYZER.analyze(one, numbers, metric="rating", test="bayesian")
    assert (found.progress.monitoring, found.recommendation.verdict) == (Monitoring.FIXED, Verdict.CONTINUE)


# ---------------------------------------------------------------- ship the cheaper, if it is not worse


def cheaper(**quality):
    """The plan and the numbers: a cheaper prompt whose quality may be 5 % worse at most."""
    plan = trial(COST, RATING, guardrails=(Guardrail("rating", 0.05),), horizon=10_000)
    return plan, {"cost": means(old=(5000, 1.0, 0.4), new=(5000, 0.8, 0.4)), "rating": means(**quality)}


@pytest.mark.parametrize(
    ("quality", "state", "verdict", "winner"),
    [
        (3.98, GuardrailState.PASSED, Verdict.SHIP, "id-new"),
        (4.1, GuardrailState.PASSED, Verdict.SHIP, "id-new"),
        (3.8, GuardrailState.UNDECIDED, Verdict.INCONCLUSIVE, None),
        (3.6, GuardrailState.FAILED, Verdict.KEEP_CONTROL, "id-old"),
    ],
)
def test_the_cheaper_prompt_ships_if_its_quality_is_not_worse_than_the_margin(quality, state, verdict, winner) -> None:
    plan, numbers = cheaper(old=(5000, 4.0, 1.0), new=(5000, quality, 1.0))
    found = ANALYZER.analyze(plan, numbers)
    (guard,) = found.guardrails
    assert (guard.state, found.recommendation.verdict, found.winner) == (state, verdict, winner)
    assert guard.margin == pytest.approx(0.2)
    assert guard.estimate == pytest.approx(quality - 4)
    assert any("rating" in reason for reason in found.recommendation.reasons)


def test_without_the_numbers_of_a_guardrail_nothing_ships() -> None:
    plan, numbers = cheaper(old=(5000, 4.0, 1.0), new=(5000, 4.0, 1.0))
    found = ANALYZER.analyze(plan, {"cost": numbers["cost"]})
    assert found.guardrails[0].state is GuardrailState.UNDECIDED
    assert found.recommendation.verdict is Verdict.INCONCLUSIVE
    assert "rating" in next(each.reason for each in found.recommendation.why_not if each.verdict is Verdict.SHIP)


# ---------------------------------------------------------------- the sample ratio


def test_the_sample_ratio_may_be_watched_and_an_early_alarm_stays() -> None:
    watched = Watched(trial(horizon=100_000))
    good = watched.rates((100, 1000), (100, 1010))
    assert good.sample_ratio.sequential_p_value == 1
    assert not good.sample_ratio.mismatch
    watched.rates((300, 3000), (400, 4000))
    later = watched.rates((4000, 40_000), (4040, 40_400))
    assert later.sample_ratio.p_value > 0.01
    assert later.sample_ratio.sequential_p_value < 0.001
    assert (later.recommendation.verdict, later.winner) == (Verdict.INVALID, None)
    assert "SAMPLE_RATIO_MISMATCH" in codes(later)


def test_units_in_a_variant_that_gets_no_traffic_are_a_mismatch() -> None:
    one = trial(names=THREE, shares=(5000, 5000, 0), horizon=100_000)
    stray = ANALYZER.analyze(one, rates(old=(500, 5000), new=(500, 5000), bold=(0, 3)))
    assert (stray.sample_ratio.p_value, stray.sample_ratio.mismatch) == (0, True)
    assert stray.recommendation.verdict is Verdict.INVALID
    clean = ANALYZER.analyze(one, rates(old=(500, 5000), new=(500, 5000), bold=(0, 0)))
    assert not clean.sample_ratio.mismatch


def test_a_mismatch_without_enough_units_for_a_single_look_is_told_all_the_same() -> None:
    one = trial(shares=(9990, 10), horizon=100_000)
    found = ANALYZER.analyze(one, rates(old=(20, 200), new=(2, 20)))
    assert (found.sample_ratio.p_value, found.recommendation.verdict) == (None, Verdict.INVALID)
    assert "SAMPLE_RATIO_MISMATCH" in codes(found)


# ---------------------------------------------------------------- one look, and none


def test_a_fixed_plan_decides_by_the_first_look_after_its_end_and_by_no_other() -> None:
    watched = Watched(trial(monitoring=Monitoring.FIXED, horizon=4000))
    assert watched.rates((200, 1000), (400, 1000)).winner is None
    assert not watched.looks  # before the end nothing is looked at
    first = watched.rates((400, 2000), (410, 2000))
    assert (len(watched.looks), first.recommendation.verdict) == (1, Verdict.INCONCLUSIVE)
    later = watched.rates((600, 3000), (900, 3000))
    assert later.comparisons[0].p_value < 1e-9
    assert (len(watched.looks), later.is_significant, later.recommendation.verdict) == (1, False, Verdict.INCONCLUSIVE)


def test_a_fixed_plan_finds_winners_without_an_effect_as_seldom_as_it_says() -> None:
    """Looked at every hundred units, long after its end: 5 % and no more."""
    random, found, runs = np.random.default_rng(7), 0, 150
    for _ in range(runs):
        watched, old, new = Watched(trial(monitoring=Monitoring.FIXED, horizon=2000)), 0, 0
        winners = set()
        for look in range(1, 31):
            old, new = old + random.binomial(100, 0.3), new + random.binomial(100, 0.3)
            winners.add(watched.rates((old, 100 * look), (new, 100 * look)).winner)
        found += winners != {None}
    assert found / runs <= 0.05 + 3.3 * np.sqrt(0.05 * 0.95 / runs)


def test_a_probability_found_by_the_one_look_stands_too() -> None:
    watched = Watched(trial(test="bayesian", horizon=4000))
    first = watched.rates((400, 2000), (410, 2000))
    later = watched.rates((600, 3000), (900, 3000))
    assert len(watched.looks) == 1
    assert (first.is_significant, later.is_significant) == (False, False)
    assert later.comparisons[0].probability_better > 0.999


@pytest.mark.parametrize("test", ["chi_square", "fisher_exact", "bayesian"])
def test_another_test_than_the_plans_decides_nothing(test) -> None:
    experiment = trial(monitoring=Monitoring.FIXED, horizon=2000)
    numbers = {"won": rates(old=(200, 1000), new=(400, 1000))}
    assert ANALYZER.analyze(experiment, numbers).winner == "id-new"
    assert ANALYZER.analyze(experiment, numbers, test="z_test").winner == "id-new"  # the plan's own, named
    found = ANALYZER.assess(experiment, numbers, test=test)
    assert not found.standing.counts
    assert (found.result.winner, found.result.recommendation.verdict) == (None, Verdict.INCONCLUSIVE)
    assert test in found.result.recommendation.summary


def test_conversions_stand_beside_those_the_common_rate_would_give() -> None:
    found = ANALYZER.analyze(trial(), {"won": rates(old=(200, 1000), new=(450, 1500))})
    assert [(each.conversions, each.expected_conversions) for each in found.variant_stats.values()] == [
        (200, pytest.approx(260)),
        (450, pytest.approx(390)),
    ]


def test_the_plans_own_test_keeps_its_options_when_it_is_named() -> None:
    numbers = {"won": rates(old=(200, 1000), new=(240, 1000))}
    experiment = trial(monitoring=Monitoring.FIXED, horizon=2000, options={"alternative": "greater"})
    unnamed, named = (ANALYZER.analyze(experiment, numbers, test=each) for each in (None, "z_test"))
    assert named.comparisons == unnamed.comparisons
    assert unnamed.comparisons[0].absolute_effect.upper is None
