"""One test per hook, named after it: when it is called, with what, and what becomes of its answer and its failure."""

import logging
from datetime import UTC, datetime
from importlib import metadata

import pytest
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from omniforge_graph.config import Settings
from omniforge_graph.domain.analysis import AnalysisResult, Recommendation, Verdict
from omniforge_graph.domain.experiment import PromptExperiment, Variant
from omniforge_graph.domain.metric import Metric, MetricKind
from omniforge_graph.domain.plan import AllocationPlan
from omniforge_graph.domain.shares import lay_out
from omniforge_graph.errors import PluginError, RefusedByPluginError, UnknownPluginError
from omniforge_graph.plugin import AllocationStrategy, StatisticalTest, hookimpl
from omniforge_graph.plugin.manager import build_registry, load_plugins

METRIC = Metric("converted")
VARIANTS = (Variant("a", "A", "v1", 5000, is_control=True), Variant("b", "B", "v2", 5000))
EXPERIMENT = PromptExperiment(
    id="e",
    prompt_id="p",
    name="n",
    variants=VARIANTS,
    metrics=(METRIC,),
    allocation=AllocationPlan("seed", (lay_out([("a", 5000), ("b", 5000)]),)),
    created_at=datetime(2024, 1, 1, tzinfo=UTC),
    created_by="me",
)


class Last(AllocationStrategy):
    name = "last"
    description = "The last variant."

    def choose(self, variants, phase, point, options):
        return variants[-1].id


class Judge(StatisticalTest):
    name = "judge"
    description = "Judges counts."
    kinds = frozenset({MetricKind.BINARY})

    def compare(self, samples, design, options):
        raise NotImplementedError


def plugin(hook, function, name="Plugin"):
    """An object that implements one hook by a function of keyword arguments."""
    return type(name, (), {hook: staticmethod(hookimpl(function))})()


def test_omniforge_register_allocation_strategies():
    last = Last()
    registry = build_registry(plugin("omniforge_register_allocation_strategies", lambda: [last]))
    assert dict(registry.strategies) == {"last": last}
    assert registry.plugins[0].offers[0].kind == "ALLOCATION_STRATEGY"
    with pytest.raises(
        PluginError, match=r"Plugin Plugin cannot be loaded: .*omniforge_register_allocation_strategies"
    ):
        build_registry(plugin("omniforge_register_allocation_strategies", lambda: [Judge()]))


def test_omniforge_register_statistical_tests():
    judge = Judge()
    registry = build_registry(plugin("omniforge_register_statistical_tests", lambda: (judge,)))
    assert dict(registry.tests) == {"judge": judge}
    assert registry.plugins[0].offers[0].kind == "STATISTICAL_TEST"
    with pytest.raises(PluginError, match=r"Plugin Plugin cannot be loaded: .*omniforge_register_statistical_tests"):
        build_registry(plugin("omniforge_register_statistical_tests", lambda: 1 / 0))


def test_omniforge_register_routes(caplog):
    hook, settings = "omniforge_register_routes", Settings(port=4000)
    seen = []

    def routes(settings):
        seen.append(settings)
        return [Route("/dashboard", PlainTextResponse("hello"))]

    registry = build_registry(
        plugin(hook, lambda: 1 / 0, "Raises"), plugin(hook, lambda: ["/x"], "Odd"), plugin(hook, routes, "Fine")
    )
    assert not seen, "routes are asked for when the server starts, not when plugins load"
    with caplog.at_level(logging.ERROR):
        found = registry.routes(settings)
    assert [route.path for route in found] == ["/dashboard"]
    assert seen == [settings]
    messages = [record.getMessage() for record in caplog.records]
    assert messages[0].startswith("Plugin Raises: omniforge_register_routes raised ZeroDivisionError")
    assert messages[1] == "Plugin Odd: omniforge_register_routes returned ['/x']; return a list of Starlette routes."


def test_omniforge_check_experiment():
    hook = "omniforge_check_experiment"
    seen = []

    def agree(experiment):
        seen.append(experiment)

    build_registry(plugin(hook, agree), plugin(hook, lambda experiment: ())).check_experiment(EXPERIMENT)
    assert seen == [EXPERIMENT]

    friday = plugin(hook, lambda: ["Not on a Friday."], "Calendar")
    budget = plugin(hook, lambda experiment: [f"{experiment.name} is too dear.", "Ask first."], "Budget")
    with pytest.raises(RefusedByPluginError) as refused:
        build_registry(friday, plugin(hook, agree), budget).check_experiment(EXPERIMENT)
    assert refused.value.reasons == ("Not on a Friday.", "n is too dear.", "Ask first.")
    assert refused.value.message == (
        "The experiment is refused by Calendar: Not on a Friday.; Budget: n is too dear.; Budget: Ask first."
    )

    for broken in (lambda: 1 / 0, lambda: "a reason", lambda: [3], lambda: False):
        with pytest.raises(PluginError, match="Plugin Broken: omniforge_check_experiment") as caught:
            build_registry(plugin(hook, broken, "Broken")).check_experiment(EXPERIMENT)
        assert caught.value.plugin == "Broken"


def test_omniforge_choose_statistical_test():
    hook = "omniforge_choose_statistical_test"
    judge = plugin("omniforge_register_statistical_tests", lambda: [Judge()])

    def choose(metric, *plugins):
        return build_registry(judge, *plugins).choose_test(EXPERIMENT, metric)

    silent = plugin(hook, lambda experiment, metric: None)
    by_key = plugin(hook, lambda metric: "judge" if metric.key == "converted" else None)
    never = plugin(hook, lambda: pytest.fail("the first answer counts"))
    assert choose(METRIC, silent, by_key, never) == "judge"
    with pytest.raises(UnknownPluginError, match=r"metric other \(BINARY\); name one .* There are: judge\.") as unknown:
        choose(Metric("other"), silent, by_key)
    assert unknown.value.path == ("analysis", "test")

    for broken in (lambda: 1 / 0, lambda: "no_such_test", lambda: 3):
        with pytest.raises(PluginError, match="Plugin Broken: omniforge_choose_statistical_test") as caught:
            choose(METRIC, plugin(hook, broken, "Broken"))
        assert caught.value.plugin == "Broken"
    with pytest.raises(PluginError, match=r"returned 'judge'; return a loaded test for COUNT \(\), or None"):
        choose(Metric("calls", MetricKind.COUNT), plugin(hook, lambda: "judge"))


CHOOSER = """
from omniforge_graph.plugin import hookimpl

@hookimpl(trylast=True)
def omniforge_choose_statistical_test():
    return {answer}
"""


@pytest.mark.parametrize("kind", list(MetricKind))
def test_our_choice_of_a_test_is_only_a_default(distributions, kind):
    metric = Metric("measured", kind, quantile=0.5 if kind is MetricKind.QUANTILE else None)
    ours = list(metadata.entry_points(group="omniforge_graph"))
    default = load_plugins(entry_points=ours).choose_test(EXPERIMENT, metric)
    theirs = distributions("zeta", zz=CHOOSER.format(answer="'bayesian'"))
    assert default != "bayesian"
    assert load_plugins(entry_points=ours + theirs).choose_test(EXPERIMENT, metric) == "bayesian"
    silent = distributions("yota", yy=CHOOSER.format(answer="None"))
    assert load_plugins(entry_points=ours + silent).choose_test(EXPERIMENT, metric) == default


def told(hook, tell, caplog, **arguments):
    """Tell a plugin that raises and one that listens; return what the latter heard."""
    heard = []

    def listen(**kwargs):
        heard.append(kwargs)

    names = ", ".join(arguments)
    scope = {"listen": listen}
    exec(f"def listener({names}):\n    listen({', '.join(f'{n}={n}' for n in arguments)})", scope)
    registry = build_registry(plugin(hook, lambda: 1 / 0, "Broken"), plugin(hook, scope["listener"]))
    with caplog.at_level(logging.ERROR):
        assert tell(registry)(*arguments.values()) is None
    assert [record.getMessage() for record in caplog.records] == [
        f"Plugin Broken: {hook} raised ZeroDivisionError: division by zero."
    ]
    return heard


def test_omniforge_experiment_changed(caplog):
    running = EXPERIMENT.start(datetime(2024, 1, 2, tzinfo=UTC))
    arguments = {"before": EXPERIMENT, "after": running}
    assert told("omniforge_experiment_changed", lambda r: r.experiment_changed, caplog, **arguments) == [arguments]


def test_omniforge_events_recorded(caplog):
    arguments = {"experiment_id": None, "count": 17}
    assert told("omniforge_events_recorded", lambda r: r.events_recorded, caplog, **arguments) == [arguments]


def test_omniforge_analysis_made(caplog):
    result = AnalysisResult({}, None, False, 0.95, False, "m", "t", (), Recommendation(Verdict.CONTINUE, "", ()))
    arguments = {"experiment": EXPERIMENT, "result": result}
    assert told("omniforge_analysis_made", lambda r: r.analysis_made, caplog, **arguments) == [arguments]
