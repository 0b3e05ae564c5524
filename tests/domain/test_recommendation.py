"""The one rule from numbers to a recommendation."""

import pytest

from omniforge_graph.domain.analysis import Comparison, Effect, VariantStatistics, Verdict
from omniforge_graph.domain.metric import Direction, Metric
from omniforge_graph.domain.recommendation import find_winner, recommend
from omniforge_graph.statistics.sample_ratio import SampleRatio

MORE, LESS = Metric("rating"), Metric("errors", direction=Direction.LOWER_IS_BETTER)
FINE = SampleRatio((1000, 1000, 1000), (1000.0, 1000.0, 1000.0), 1.0, mismatch=False)


def variants(*units):
    return [
        VariantStatistics(key, name, n, 0.5, 0.1, 0.01)
        for (key, name), n in zip((("c", "plain"), ("t1", "brief"), ("t2", "bold")), units, strict=True)
    ]


def comparison(key, estimate, *, significant):
    return Comparison(
        treatment_id=key,
        control_id="c",
        absolute_effect=Effect(estimate, None if estimate is None else estimate - 1, None),
        relative_effect=Effect(None, None, None),
        p_value=0.01,
        log10_p_value=-2.0,
        adjusted_p_value=0.02,
        probability_better=None,
        expected_loss=None,
        is_significant=significant,
    )


def decide(first, second, *, metric=MORE, units=(1000, 1000, 1000), required=500, ratio=FINE):
    comparisons = [
        comparison("t1", *first[:1], significant=first[1]),
        comparison("t2", second[0], significant=second[1]),
    ]
    winner = find_winner(comparisons, metric)
    return winner, recommend(variants(*units), comparisons, metric, winner, required, ratio, 0.95)


@pytest.mark.parametrize(
    ("metric", "first", "second", "winner", "verdict"),
    [
        (MORE, (2, True), (1, True), "t1", Verdict.SHIP),
        (MORE, (2, True), (3, True), "t2", Verdict.SHIP),
        (MORE, (2, True), (3, False), "t1", Verdict.SHIP),
        (MORE, (2, True), (-3, True), "t1", Verdict.SHIP),
        (LESS, (-2, True), (-3, True), "t2", Verdict.SHIP),
        (MORE, (-2, True), (-3, True), "c", Verdict.KEEP_CONTROL),
        (LESS, (2, True), (3, True), "c", Verdict.KEEP_CONTROL),
        (MORE, (-2, True), (3, False), None, Verdict.INCONCLUSIVE),
        (MORE, (1, False), (1, False), None, Verdict.INCONCLUSIVE),
        (MORE, (0, True), (0, True), None, Verdict.INCONCLUSIVE),
        (MORE, (None, False), (None, False), None, Verdict.INCONCLUSIVE),
    ],
)
def test_the_best_significant_variant_wins(metric, first, second, winner, verdict):
    found, recommendation = decide(first, second, metric=metric)
    assert found == winner
    assert recommendation.verdict is verdict
    assert recommendation.reasons


def test_a_mismatch_outweighs_everything():
    ratio = SampleRatio((1000, 900, 1100), (1000.0, 1000.0, 1000.0), 1e-5, mismatch=True)
    _, found = decide((2, True), (3, True), ratio=ratio)
    assert found.verdict is Verdict.INVALID
    assert "brief 900 of 1,000 expected" in found.reasons[0]


@pytest.mark.parametrize(
    ("units", "required", "words"),
    [
        ((1000, 400, 1000), 500, "400 of the 500"),
        ((1000, 0, 1000), 500, "none yet for brief"),
        ((1000, 1000, 1000), None, "too little yet"),
    ],
)
def test_what_is_missing_is_told(units, required, words):
    _, found = decide((2, False), (3, False), units=units, required=required)
    assert found.verdict is Verdict.CONTINUE
    assert words in found.summary


def test_reasons_tell_the_evidence():
    _, found = decide((2, True), (-3, False))
    assert found.summary == "Ship brief: it is significantly better on rating."
    assert found.reasons == (
        "Every variant has the 500 units the plan requires.",
        "brief is significantly better than plain on rating: difference +2, adjusted p 0.02.",
        "bold is not significantly worse than plain on rating: difference -3, adjusted p 0.02.",
    )
