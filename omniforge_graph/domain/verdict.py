"""From numbers to a verdict: the one rule.

1. INVALID: the units did not arrive in the planned proportions, so the variants may not be comparable.
2. CONTINUE or INCONCLUSIVE: the analysis is not the plan's (another test, or a metric that is no goal): it shows
   numbers and decides nothing.
3. CONTINUE: the plan does not allow a decision yet: some variant has too few units, or the plan looks once, at the end,
   and the end is not reached.
4. SHIP: a treatment is significantly better on the success metric or another goal, significantly worse on none of
   them, and passes every guardrail. Of several, the one with the largest effect on the success metric.
5. KEEP_CONTROL: every treatment is out: significantly worse on a goal, or beyond a guardrail's margin.
6. CONTINUE: more units may still decide: the planned number has not arrived.
7. INCONCLUSIVE: they have, and nothing was decided.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from omniforge_graph.domain.analysis import (
    Comparison,
    GuardrailResult,
    GuardrailState,
    Progress,
    Recommendation,
    Verdict,
    WhyNot,
)
from omniforge_graph.domain.findings import finding_of, gain_of, guardrail_finding, listed
from omniforge_graph.domain.metric import Metric
from omniforge_graph.domain.plan import Monitoring
from omniforge_graph.statistics.sample_ratio import SampleRatio

DO_NOT_USE = (
    "Do not use these results: the units did not arrive in the planned proportions, "
    "so the variants may not be comparable."
)
NO_DIFFERENCE = "choose by cost or taste, or test a bolder change"


@dataclass(frozen=True, slots=True)
class Evidence:
    """All that the rule looks at.

    `names` are the variants' by id; `goals` the deciding metrics with their comparisons, the success metric first;
    `waiting` says why nothing may be decided yet, `exploring` why not by this analysis at all; None if it may.
    `confidence_level` is the plan's.
    """

    names: Mapping[str, str]
    control_id: str
    goals: Sequence[tuple[Metric, Sequence[Comparison]]]
    guardrails: Sequence[GuardrailResult]
    sample_ratio: SampleRatio | None
    progress: Progress
    waiting: str | None
    confidence_level: float
    exploring: str | None = None

    @property
    def treatments(self) -> tuple[str, ...]:
        """The ids of the treatments in the experiment's order."""
        return tuple(each for each in self.names if each != self.control_id)


@dataclass(frozen=True, slots=True)
class Decision:
    """The winner's id, None without one, and the recommendation."""

    winner: str | None
    recommendation: Recommendation


def decide(evidence: Evidence) -> Decision:
    """Return the verdict by the rule above, in one sentence, with its reasons and why it is none of the others."""
    verdict, winner, summary = _verdict(evidence)
    reasons = () if verdict is Verdict.INVALID else _reasons(evidence)
    if verdict is Verdict.INVALID:
        assert evidence.sample_ratio is not None
        reasons = (_arrivals(evidence, evidence.sample_ratio),)
    why_not = tuple(WhyNot(each, _why_not(each, verdict, evidence)) for each in Verdict if each is not verdict)
    return Decision(winner, Recommendation(verdict, summary, reasons, why_not))


def _verdict(evidence: Evidence) -> tuple[Verdict, str | None, str]:
    metric = evidence.goals[0][0].key
    if barred := _barred(evidence):
        return barred[0], None, barred[1]
    names = evidence.names
    if shippable := [each for each in evidence.treatments if _better(each, evidence) and not _holds(each, evidence)]:
        winner = max(shippable, key=lambda each: _primary_gain(each, evidence))
        guarded = ", and passes every guardrail" if evidence.guardrails else ""
        better = listed([metric.key for metric, sign in _signs(winner, evidence) if sign > 0])
        return Verdict.SHIP, winner, f"Ship {names[winner]}: it is significantly better on {better}{guarded}."
    if all(_out(each, evidence) for each in evidence.treatments):
        what = (
            f"every treatment is significantly worse on {metric}"
            if all(_worse(each, evidence) for each in evidence.treatments) and len(evidence.goals) == 1
            else "every treatment is significantly worse on a goal or beyond a guardrail's margin"
        )
        winner = evidence.control_id
        return Verdict.KEEP_CONTROL, winner, f"Keep {names[winner]}: {what}."
    if not evidence.progress.complete:
        return Verdict.CONTINUE, None, f"Keep collecting data: nothing is decided yet, and {_missing(evidence)}."
    summary = f"There is enough data, and no treatment can be shipped on {metric}: {NO_DIFFERENCE}."
    return Verdict.INCONCLUSIVE, None, summary


def _barred(evidence: Evidence) -> tuple[Verdict, str] | None:
    """Return the verdict where nothing may be decided, None where it may."""
    if evidence.sample_ratio is not None and evidence.sample_ratio.mismatch:
        return Verdict.INVALID, DO_NOT_USE
    if evidence.exploring is not None:
        verdict = Verdict.INCONCLUSIVE if evidence.progress.complete else Verdict.CONTINUE
        return verdict, f"Nothing is decided here: {evidence.exploring}."
    if evidence.waiting is not None:
        return Verdict.CONTINUE, f"Keep collecting data: {evidence.waiting}."
    return None


def _signs(treatment: str, evidence: Evidence) -> list[tuple[Metric, int]]:
    """Return for each goal 1 where the treatment is significantly better, -1 where worse, 0 where neither."""
    found = []
    for metric, comparisons in evidence.goals:
        each = next(each for each in comparisons if each.treatment_id == treatment)
        gain = gain_of(each, metric)
        found.append((metric, (gain > 0) - (gain < 0) if each.is_significant else 0))
    return found


def _better(treatment: str, evidence: Evidence) -> bool:
    return any(sign > 0 for _, sign in _signs(treatment, evidence))


def _worse(treatment: str, evidence: Evidence) -> bool:
    return any(sign < 0 for _, sign in _signs(treatment, evidence))


def _holds(treatment: str, evidence: Evidence) -> list[str]:
    """Return what speaks against shipping the treatment: goals it is worse on, guardrails it has not passed."""
    held = [f"is significantly worse on {metric.key}" for metric, sign in _signs(treatment, evidence) if sign < 0]
    for each in _guardrails(treatment, evidence):
        if each.state is GuardrailState.FAILED:
            held.append(f"is beyond the margin of the guardrail {each.metric}")
        elif each.state is GuardrailState.UNDECIDED:
            held.append(f"is not yet shown to be within the margin of the guardrail {each.metric}")
    return held


def _out(treatment: str, evidence: Evidence) -> bool:
    failed = any(each.state is GuardrailState.FAILED for each in _guardrails(treatment, evidence))
    return failed or _worse(treatment, evidence)


def _guardrails(treatment: str, evidence: Evidence) -> list[GuardrailResult]:
    return [each for each in evidence.guardrails if each.treatment_id == treatment]


def _primary_gain(treatment: str, evidence: Evidence) -> float:
    metric, comparisons = evidence.goals[0]
    return gain_of(next(each for each in comparisons if each.treatment_id == treatment), metric)


def _reasons(evidence: Evidence) -> tuple[str, ...]:
    findings = [
        finding_of(each, evidence.names, metric, evidence.confidence_level)
        for metric, comparisons in evidence.goals
        for each in comparisons
    ]
    findings += [guardrail_finding(each, evidence.names) for each in evidence.guardrails]
    progress = evidence.progress
    if progress.complete and progress.planned_units is not None:
        findings.insert(0, f"The planned {progress.planned_units:,} units have arrived.")
    return tuple(findings)


def _arrivals(evidence: Evidence, ratio: SampleRatio) -> str:
    arrived = (
        f"{name} {got:,} of {wanted:,.0f} expected"
        for name, got, wanted in zip(evidence.names.values(), ratio.observed, ratio.expected, strict=True)
    )
    return f"Units that arrived: {'; '.join(arrived)}."


def _missing(evidence: Evidence) -> str:
    missing = evidence.progress.missing_units
    if missing is None:
        return "how many units are needed cannot be told before"
    return f"{missing:,} of the planned {evidence.progress.planned_units or 0:,} units are missing"


def _why_not(verdict: Verdict, given: Verdict, evidence: Evidence) -> str:
    """Say why the verdict given is not this one."""
    if given is Verdict.INVALID:
        return "Nothing can be decided on data that arrived in other proportions than planned."
    if verdict is Verdict.INVALID:
        return "The units arrived in the planned proportions, as far as can be told."
    if evidence.exploring is not None:
        return f"Nothing is decided here: {evidence.exploring}."
    if evidence.waiting is not None:
        return f"The plan allows no decision yet: {evidence.waiting}."
    if verdict is Verdict.INCONCLUSIVE:
        undecided = given is Verdict.CONTINUE
        return f"More units may still decide: {_missing(evidence)}." if undecided else "There is a decision."
    return _WHY_NOT[verdict](evidence)


def _why_not_keep(evidence: Evidence) -> str:
    still = [evidence.names[each] for each in evidence.treatments if not _out(each, evidence)]
    return f"Nothing shows that {listed(still)} would do harm." if still else "A better treatment was found."


def _why_not_continue(evidence: Evidence) -> str:
    if evidence.progress.complete and evidence.progress.monitoring is Monitoring.ALWAYS_VALID:
        return "The units that would find the minimum effect have arrived; going on is safe, and rarely worth it."
    if evidence.progress.complete:
        return "The planned units have arrived: more of them would be another experiment."
    return "What was found is beyond chance already, however often the plan lets people look."


def _why_not_ship(evidence: Evidence) -> str:
    metrics = listed([metric.key for metric, _ in evidence.goals], "or")
    held = [
        f"{evidence.names[each]} is better, but {listed(_holds(each, evidence))}"
        for each in evidence.treatments
        if _better(each, evidence)
    ]
    return f"{'; '.join(held)}." if held else f"No treatment is significantly better on {metrics}."


_WHY_NOT: Mapping[Verdict, Callable[[Evidence], str]] = {
    Verdict.SHIP: _why_not_ship,
    Verdict.KEEP_CONTROL: _why_not_keep,
    Verdict.CONTINUE: _why_not_continue,
}


def waiting_of(
    monitoring: Monitoring, units: Mapping[str, int], fewest: Sequence[int], progress: Progress, metric: str
) -> str | None:
    """Return why the plan allows no decision yet, None if it does.

    `units` are those of each variant by its name, `fewest` how many each needs before anything may be judged.
    """
    if empty := [name for name, count in units.items() if count == 0]:
        return f"there is none yet for {listed(empty)}"
    if monitoring is Monitoring.FIXED:
        if progress.planned_units is None:
            return f"{metric} shows too little yet to tell how many units are needed"
        if not progress.complete:
            return (
                f"the plan looks once, when {progress.planned_units:,} units have arrived, and "
                f"{progress.missing_units or 0:,} are missing; to judge before that would find winners by chance"
            )
        return None
    for (name, count), least in zip(units.items(), fewest, strict=True):
        if count < least:
            return f"{name} has {count:,} units, and nothing is judged before it has {least:,}"
    return None
