"""From numbers to a recommendation: the one rule.

1. INVALID: the sample ratio is a mismatch, so the variants may not be comparable.
2. CONTINUE: not every variant has the units the plan requires, or nothing can be compared yet.
3. SHIP: a treatment won: significantly better than the control, by the largest effect among those that are.
4. KEEP_CONTROL: the control won: every treatment is significantly worse.
5. INCONCLUSIVE: there were enough units, and no treatment is significantly better.
"""

from collections.abc import Sequence

from omniforge_graph.domain.analysis import Comparison, Recommendation, VariantStatistics, Verdict
from omniforge_graph.domain.metric import Metric
from omniforge_graph.statistics.sample_ratio import SampleRatio


def find_winner(comparisons: Sequence[Comparison], metric: Metric) -> str | None:
    """Return the id of the variant that won, None if none did. Whether the sample allows it is not asked here."""
    judged = [(each, _gain(each, metric)) for each in comparisons if each.is_significant]
    better = [(gain, each.treatment_id) for each, gain in judged if gain > 0]
    if better:
        return max(better, key=lambda pair: pair[0])[1]
    worse = [each for each, gain in judged if gain < 0]
    return comparisons[0].control_id if comparisons and len(worse) == len(comparisons) else None


def recommend(
    variants: Sequence[VariantStatistics],
    comparisons: Sequence[Comparison],
    metric: Metric,
    winner: str | None,
    required_units: int | None,
    sample_ratio: SampleRatio | None,
    confidence_level: float,
) -> Recommendation:
    """Return the verdict by the rule above, in one sentence, with its reasons.

    `winner` is a variant's id, None where nobody won or the sample is insufficient or mismatched.
    """
    if sample_ratio is not None and sample_ratio.mismatch:
        return _invalid(variants, sample_ratio)
    names = {each.variant_id: each.name for each in variants}
    findings = tuple(_finding(each, names, metric, confidence_level) for each in comparisons)
    if missing := _missing(variants, metric, required_units):
        return Recommendation(Verdict.CONTINUE, f"Keep collecting data: {missing}.", findings)
    reasons = (f"Every variant has the {required_units:,} units the plan requires.", *findings)
    if winner is None:
        summary = (
            f"There is enough data, and no treatment is significantly better on {metric.key}: "
            "choose by cost or taste, or test a bolder change."
        )
        return Recommendation(Verdict.INCONCLUSIVE, summary, reasons)
    if any(each.control_id == winner for each in comparisons):
        summary = f"Keep {names[winner]}: every treatment is significantly worse on {metric.key}."
        return Recommendation(Verdict.KEEP_CONTROL, summary, reasons)
    return Recommendation(Verdict.SHIP, f"Ship {names[winner]}: it is significantly better on {metric.key}.", reasons)


def _invalid(variants: Sequence[VariantStatistics], ratio: SampleRatio) -> Recommendation:
    arrived = (
        f"{each.name} {got:,} of {wanted:,.0f} expected"
        for each, got, wanted in zip(variants, ratio.observed, ratio.expected, strict=True)
    )
    return Recommendation(
        Verdict.INVALID,
        "Do not use these results: the units did not arrive in the planned proportions, "
        "so the variants may not be comparable.",
        (f"Units that arrived: {'; '.join(arrived)}.",),
    )


def _missing(variants: Sequence[VariantStatistics], metric: Metric, required_units: int | None) -> str | None:
    """Return what the data lack for a verdict, or None if nothing."""
    if empty := [each.name for each in variants if each.units == 0]:
        return f"there is none yet for {', '.join(empty)}"
    if required_units is None:
        return f"{metric.key} shows too little yet to tell how many units are needed"
    smallest = min(each.units for each in variants)
    if smallest < required_units:
        return f"the smallest variant has {smallest:,} of the {required_units:,} units it needs"
    return None


def _gain(comparison: Comparison, metric: Metric) -> float:
    estimate = comparison.absolute_effect.estimate or 0.0
    return estimate if metric.higher_is_better else -estimate


def _finding(each: Comparison, names: dict[str, str], metric: Metric, confidence_level: float) -> str:
    """Say in one sentence what a comparison found."""
    treatment, control = names[each.treatment_id], names[each.control_id]
    effect = each.absolute_effect
    if effect.estimate is None:
        return f"{treatment} cannot be compared with {control} yet."
    gain = _gain(each, metric)
    judgement = "better" if gain > 0 else "worse" if gain < 0 else "different"
    evidence = [f"difference {effect.estimate:+.4g}"]
    if effect.lower is not None and effect.upper is not None:
        evidence.append(f"{confidence_level * 100:.4g} % interval {effect.lower:+.4g} to {effect.upper:+.4g}")
    if each.adjusted_p_value is not None:
        evidence.append(f"adjusted p {each.adjusted_p_value:.2g}")
    if each.probability_better is not None:
        evidence.append(f"probability of being better {each.probability_better:.3g}")
    verb = "is significantly" if each.is_significant else "is not significantly"
    return f"{treatment} {verb} {judgement} than {control} on {metric.key}: {', '.join(evidence)}."
