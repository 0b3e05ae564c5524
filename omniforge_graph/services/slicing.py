"""Slices: the same comparison for every value of a dimension, all in one pass."""

from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np

from omniforge_graph.domain.analysis import Notice, SliceAnalysis, SliceResult
from omniforge_graph.domain.measurement import NO_VALUE
from omniforge_graph.domain.monitoring import Standing
from omniforge_graph.services.arms import Arm
from omniforge_graph.services.judgement import comparisons_of, describe, judge
from omniforge_graph.services.report import Question
from omniforge_graph.statistics.multiplicity import benjamini_hochberg
from omniforge_graph.statistics.sample_ratio import SAMPLE_RATIO_ALARM, SampleRatio, sample_ratio


def assess_slices(
    dimension: str,
    values: Sequence[str],
    question: Question,
    arms: Sequence[Arm],
    standing: Standing,
    expected_shares: Sequence[float],
) -> SliceAnalysis:
    """Judge all slices at once, at the strictness of the experiment's present look.

    The p-values of all slices and treatments are adjusted together (Benjamini & Hochberg 1995): of the findings, at
    most a share of alpha is false on average. The sample ratio of each slice is checked at its level divided by the
    number of slices.
    """
    control = next(place for place, arm in enumerate(arms) if arm.is_control)
    judged = judge(question.metric, question.measured, control, question.test, question.options, standing)
    adjusted = None
    if judged.p_values is not None:
        adjusted = benjamini_hochberg(judged.p_values.ravel()).reshape(judged.p_values.shape)
    variants, compared = describe(judged, arms), comparisons_of(judged, arms, adjusted, judged.found.estimate.size)
    exposed = question.measured.exposed
    alarm = SAMPLE_RATIO_ALARM / max(len(values), 1)
    ratios = [_judged(sample_ratio(row, expected_shares), alarm) for row in exposed.astype(np.int64).tolist()]
    results = tuple(
        SliceResult(value, int(units), tuple(described), tuple(comparisons), ratio)
        for value, units, described, comparisons, ratio in zip(
            values, exposed.sum(axis=-1), variants, compared, ratios, strict=True
        )
    )
    return SliceAnalysis(
        dimension, question.metric.key, question.test.name, results, tuple(_notices(dimension, results))
    )


def _judged(ratio: SampleRatio, alarm: float) -> SampleRatio:
    return replace(ratio, mismatch=ratio.p_value is not None and ratio.p_value < alarm)


def _notices(dimension: str, results: Sequence[SliceResult]) -> Iterator[Notice]:
    broken = [each.value for each in results if each.sample_ratio is not None and each.sample_ratio.mismatch]
    if broken:
        yield Notice(
            "SAMPLE_RATIO_MISMATCH",
            f"In {', '.join(broken)} the units did not arrive in the planned proportions: do not use these slices.",
        )
    if [each.value for each in results if each.units] == [NO_VALUE]:
        yield Notice(
            "NO_ATTRIBUTE",
            f"No unit carries the attribute {dimension}: is it spelled so, and given with the exposures?",
        )
    yield Notice(
        "SLICES_DECIDE_NOTHING",
        "Slices show where to look next: what one of them finds needs an experiment of its own.",
    )
