"""What a comparison found, in one sentence."""

from collections.abc import Mapping, Sequence

from omniforge_graph.domain.analysis import Comparison, GuardrailResult, GuardrailState
from omniforge_graph.domain.metric import Metric


def gain_of(comparison: Comparison, metric: Metric) -> float:
    """Return the effect with its sign turned so that more is better; 0 where it is unknown."""
    estimate = comparison.absolute_effect.estimate or 0.0
    return estimate if metric.higher_is_better else -estimate


def finding_of(each: Comparison, names: Mapping[str, str], metric: Metric, confidence_level: float) -> str:
    """Say in one sentence what a comparison found."""
    treatment, control = names[each.treatment_id], names[each.control_id]
    effect = each.absolute_effect
    if effect.estimate is None:
        return f"{treatment} cannot be compared with {control} on {metric.key} yet."
    gain = gain_of(each, metric)
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


def guardrail_finding(each: GuardrailResult, names: Mapping[str, str]) -> str:
    """Say in one sentence whether a treatment passes a guardrail."""
    treatment = names[each.treatment_id]
    if each.margin is None or each.bound is None:
        return f"{treatment}: the guardrail {each.metric} cannot be judged yet."
    told = f"at worst {each.bound:+.4g}, margin {each.margin:.4g}"
    match each.state:
        case GuardrailState.PASSED:
            return f"{treatment} is not worse on the guardrail {each.metric} by its margin or more: {told}."
        case GuardrailState.FAILED:
            return f"{treatment} is worse on the guardrail {each.metric} by more than its margin: {told}."
        case GuardrailState.UNDECIDED:
            return f"{treatment} is not yet shown to be within the margin of the guardrail {each.metric}: {told}."


def listed(names: Sequence[str], word: str = "and") -> str:
    """Return names as people list them: a, b and c."""
    return f" {word} ".join(names) if len(names) < 3 else f"{', '.join(names[:-1])} {word} {names[-1]}"
