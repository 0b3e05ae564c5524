"""Analysis plans."""

import pytest

from omniforge_graph.domain.plan import AnalysisPlan, Guardrail, Monitoring
from omniforge_graph.errors import ValidationError
from omniforge_graph.statistics.spending import SpendingKind


def test_the_default_plan_is_safe_to_look_at_every_day():
    assert AnalysisPlan().looks_allowed is Monitoring.ALWAYS_VALID
    assert AnalysisPlan(horizon=5000).looks_allowed is Monitoring.GROUP_SEQUENTIAL
    assert AnalysisPlan(monitoring=Monitoring.FIXED).looks_allowed is Monitoring.FIXED


@pytest.mark.parametrize(
    ("values", "path"),
    [
        ({"horizon": 0}, ("horizon",)),
        ({"horizon": 2**31}, ("horizon",)),
        ({"monitoring": Monitoring.GROUP_SEQUENTIAL}, ("horizon",)),
        ({"spending": SpendingKind.KIM_DEMETS, "spending_parameter": -1}, ("spendingParameter",)),
        ({"goals": ("a", "a")}, ("goals", 1)),
        ({"goals": ("a",), "guardrails": (Guardrail("a", 0.1),)}, ("guardrails", 0, "metric")),
        ({"goals": tuple(f"g{n}" for n in range(11))}, ("goals",)),
        ({"guardrails": tuple(Guardrail(f"g{n}", 0.1) for n in range(21))}, ("guardrails",)),
        ({"confidence_level": 1.0}, ("confidenceLevel",)),
        ({"minimum_effect": 0.0}, ("minimumEffect",)),
    ],
)
def test_a_plan_that_makes_no_sense_is_refused_naming_the_field(values, path):
    with pytest.raises(ValidationError) as caught:
        AnalysisPlan(**values)
    assert caught.value.path == path


@pytest.mark.parametrize(("margin", "relative"), [(0, True), (1, True), (-1, False), (float("nan"), False)])
def test_a_margin_is_positive_and_a_share_below_one(margin, relative):
    with pytest.raises(ValidationError) as caught:
        Guardrail("latency", margin, relative)
    assert caught.value.path == ("margin",)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: AnalysisPlan(minimum_effect=0.0), "minimumEffect must be above 0 and finite, not 0."),
        (lambda: Guardrail("latency", 1.0), "margin must be above 0 and below 1, not 1."),
        (lambda: AnalysisPlan(spending_parameter=2.0), "spendingParameter must be left out with OBRIEN_FLEMING."),
        (
            lambda: AnalysisPlan(monitoring=Monitoring.GROUP_SEQUENTIAL),
            "plan one with the query `sampleSize` or the command `omniforge-graph plan`",
        ),
    ],
)
def test_a_refusal_names_the_field_and_the_fix(make, message):
    with pytest.raises(ValidationError) as caught:
        make()
    assert message in caught.value.message
