"""From one metric's numbers and a test's answer to the values people read: None for what is not known."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from omniforge_graph.domain.analysis import Comparison, Effect, VariantStatistics
from omniforge_graph.domain.look import Look, best_before, best_omnibus_before
from omniforge_graph.domain.measurement import MeasuredSamples
from omniforge_graph.domain.metric import Metric, MetricKind
from omniforge_graph.domain.monitoring import Standing
from omniforge_graph.domain.plan import Monitoring
from omniforge_graph.plugin.interfaces import ComparisonDesign, Options, StatisticalTest
from omniforge_graph.services.arms import Arm
from omniforge_graph.services.columns import plain_floats
from omniforge_graph.services.computation import run_test
from omniforge_graph.statistics.comparison import ComparisonArrays
from omniforge_graph.statistics.proportions import cross_table
from omniforge_graph.statistics.samples import BoolArray, FloatArray


@dataclass(frozen=True, slots=True)
class Judged:
    """One metric, judged by one test at one look, before its p-values are adjusted for their number.

    `p_values` hold however often people look; None for a test without p-values. Shape: (*slices, treatments).
    `omnibus_p_value` does so for all treatments together; shape (*slices,). `probability` is that of being better,
    which decides where there are no p-values.
    """

    metric: Metric
    test: StatisticalTest
    measured: MeasuredSamples
    design: ComparisonDesign
    alpha: float
    found: ComparisonArrays
    p_values: FloatArray | None
    omnibus_p_value: FloatArray | None = None
    probability: FloatArray | None = None


def judge(
    metric: Metric,
    measured: MeasuredSamples,
    control: int,
    test: StatisticalTest,
    options: Options,
    standing: Standing,
    *,
    remembered: bool = False,
) -> Judged:
    """Run a test at the strictness of this look.

    `remembered` spares valid p-values, which are costly, where those of the looks before will be taken anyway.

    Raises:
        PluginError: the test failed or broke its contract.
    """
    alpha = standing.plan.alpha
    design = ComparisonDesign(metric.as_judged, control, 1 - standing.nominal_alpha(alpha))
    found = run_test(test, measured.samples, design, options)
    p_values = omnibus = None
    if found.p_value is not None and remembered:
        p_values = np.full_like(found.p_value, np.nan)
    elif found.p_value is not None:
        p_values = standing.valid_p_values(found.p_value, found.log10_p_value)
    if found.omnibus_p_value is not None:
        omnibus = np.asarray(np.nan) if remembered else standing.valid_p_values(found.omnibus_p_value)
    return Judged(metric, test, measured, design, alpha, found, p_values, omnibus, found.probability_better)


def with_history(judged: Judged, arms: Sequence[Arm], standing: Standing, looks: Sequence[Look]) -> Judged:
    """Let the looks before speak: the smallest valid p-value counts, and always-valid intervals are cut to what no look
    has excluded. Without slices only.
    """
    treatments = [arm.id for arm in arms if not arm.is_control]
    if judged.p_values is None:
        if standing.judges_now:
            return judged
        return replace(judged, probability=_probability_before(judged, looks, treatments))
    if not looks:
        return judged
    seen = [[look.of(judged.metric.key, each) for look in looks] for each in treatments]
    best = best_before(looks, judged.metric.key, treatments, estimates=judged.found.estimate)
    p_values = np.fmin(judged.p_values, best) if standing.judges_now else best
    omnibus = judged.omnibus_p_value
    if omnibus is not None:
        before = np.asarray(best_omnibus_before(looks, judged.metric.key))
        omnibus = np.fmin(omnibus, before) if standing.judges_now else before
    found = judged.found
    if standing.monitoring is Monitoring.ALWAYS_VALID:
        known = [[each.absolute for each in column if each is not None] for column in seen]
        known_relative = [[each.relative for each in column if each is not None] for column in seen]
        lower, upper = _cut(found.estimate, found.lower, found.upper, known)
        assert found.relative_lower is not None
        assert found.relative_upper is not None
        assert found.relative_estimate is not None
        relative = _cut(found.relative_estimate, found.relative_lower, found.relative_upper, known_relative)
        found = replace(found, lower=lower, upper=upper, relative_lower=relative[0], relative_upper=relative[1])
    return replace(judged, p_values=p_values, omnibus_p_value=omnibus, found=found)


def _probability_before(judged: Judged, looks: Sequence[Look], treatments: Sequence[str]) -> FloatArray | None:
    """Return the probabilities of being better that the one look of the plan found, NaN for what it did not see."""
    if judged.probability is None:
        return None
    seen = [looks[-1].of(judged.metric.key, each) for each in treatments]
    return np.array(
        [np.nan if each is None or each.probability_better is None else each.probability_better for each in seen]
    )


def _cut(
    estimate: FloatArray, lower: FloatArray, upper: FloatArray, past: Sequence[Sequence[Effect]]
) -> tuple[FloatArray, FloatArray]:
    """Return the intersection of intervals with those of past looks; where it would leave out the estimate of today,
    the present ones.
    """
    least = np.array([max((e.lower for e in each if e.lower is not None), default=-np.inf) for each in past])
    most = np.array([min((e.upper for e in each if e.upper is not None), default=np.inf) for each in past])
    low, high = np.fmax(lower, least), np.fmin(upper, most)
    sound = (low <= estimate) & (estimate <= high) & ~np.isnan(lower)
    return np.where(sound, low, lower), np.where(sound, high, upper)


def significance(judged: Judged, adjusted: FloatArray | None, comparisons: int) -> BoolArray:
    """Apply the one rule of significance; shape (*slices, treatments).

    With p-values: the adjusted one below alpha, and the omnibus one too where the test has it. Without: a probability
    of being better so high, or so low, that an error on either side has at most alpha / 2, shared by the
    `comparisons` that are judged together.
    """
    if adjusted is not None:
        overall = np.asarray(True)
        if judged.omnibus_p_value is not None:
            overall = np.asarray(judged.omnibus_p_value < judged.alpha)[..., None]
        return np.asarray((adjusted < judged.alpha) & overall)
    if judged.probability is None:
        return np.zeros(judged.found.estimate.shape, dtype=np.bool_)
    beyond = judged.alpha / (2 * comparisons)
    return np.asarray((judged.probability >= 1 - beyond) | (judged.probability <= beyond))


def comparisons_of(
    judged: Judged, arms: Sequence[Arm], adjusted: FloatArray | None, comparisons: int
) -> list[list[Comparison]]:
    """Return each slice's comparisons in variant order; without slices the only one's.

    `comparisons` is how many are judged together, 1 if they are not corrected for their number.
    """
    found, shape = judged.found, judged.found.estimate.shape
    treatments = [arm.id for arm in arms if not arm.is_control]
    rows, count = int(np.prod(shape[:-1])), len(treatments)
    control = arms[judged.design.control].id

    def column(values: FloatArray | None) -> list[float | None]:
        return plain_floats(values, rows * count)

    every = list(
        map(
            Comparison,
            treatments * rows,
            [control] * (rows * count),
            map(Effect, column(found.estimate), column(found.lower), column(found.upper)),
            map(
                Effect,
                column(found.relative_estimate), column(found.relative_lower), column(found.relative_upper),
            ),
            column(found.p_value),
            column(found.log10_p_value),
            column(adjusted),
            column(found.probability_better),
            column(found.expected_loss),
            significance(judged, adjusted, comparisons).ravel().tolist(),
            column(judged.p_values),
        )
    )  # fmt: skip
    return [every[start : start + count] for start in range(0, rows * count, count)]


def describe(judged: Judged, arms: Sequence[Arm]) -> list[list[VariantStatistics]]:
    """Return each slice's variants in the experiment's order; without slices the only one's."""
    measured = judged.measured
    plain = measured.observed if measured.observed is not None else measured.samples
    binary = judged.metric.kind is MetricKind.BINARY
    count, size = len(arms), plain.units.size
    mean = plain_floats(plain.mean, size)
    every = list(
        map(
            VariantStatistics,
            [arm.id for arm in arms] * (size // count),
            [arm.name for arm in arms] * (size // count),
            plain.units.ravel().astype(np.int64).tolist(),
            mean,
            plain_floats(np.sqrt(plain.variance), size),
            plain_floats(np.sqrt(plain.squared_standard_error), size),
            mean if binary else [None] * size,
            plain.conversions.ravel().astype(np.int64).tolist() if binary else [None] * size,
            plain_floats(None if measured.variance_reduction is None else measured.samples.mean, size),
            plain_floats(judged.found.probability_best, size),
            plain_floats(measured.design_effect, size),
            plain_floats(measured.effective_units, size),
            plain_floats(cross_table(plain).expected[..., 0] if binary else None, size),
        )
    )
    return [every[start : start + count] for start in range(0, size, count)]
