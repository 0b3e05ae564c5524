"""What the registry guarantees beyond the single hooks: read-only, named, nobody harmed."""

import dataclasses
import logging

import pytest

from omniforge_graph.errors import UnknownPluginError
from omniforge_graph.plugin import hookimpl
from omniforge_graph.plugin.hooks import HOOKS
from omniforge_graph.plugin.manager import build_registry, load_plugins
from omniforge_graph.plugin.registry import PluginRegistry


def test_it_is_frozen():
    registry = load_plugins()
    with pytest.raises(dataclasses.FrozenInstanceError):
        registry.plugins = ()
    for mapping in (registry.strategies, registry.tests, registry.implementations):
        with pytest.raises(TypeError):
            mapping["weighted"] = None


def test_unknown_names_list_what_is_loaded():
    with pytest.raises(UnknownPluginError, match=r"'wieghted' is loaded; there are: even, weighted\.") as caught:
        load_plugins().strategy("wieghted")
    assert caught.value.path == ("allocation", "strategy")
    with pytest.raises(
        UnknownPluginError, match=r"No statistical test named 't' is loaded; there are none\."
    ) as caught:
        build_registry().test("t")
    assert caught.value.path == ("analysis", "test")


def test_it_knows_which_plugin_registered_a_strategy():
    registry = load_plugins()
    assert registry.plugin_of(registry.strategy("even")) == "even_split"


def test_without_subscribers_nothing_is_called(monkeypatch):
    def refuse(*args, **kwargs):
        raise AssertionError("called")

    monkeypatch.setattr(PluginRegistry, "_tell", refuse)
    registry = build_registry()
    registry.experiment_changed(None, None)
    registry.events_recorded("e", 1)
    registry.analysis_made(None, None)


class Observer:
    def __init__(self, heard, problem=None):
        self.heard, self.problem = heard, problem

    @hookimpl
    def omniforge_events_recorded(self, experiment_id, count):
        self.heard.append((experiment_id, count))
        if self.problem:
            raise self.problem


@pytest.mark.parametrize("problem", [ValueError("no"), SystemExit(3), GeneratorExit()])
def test_an_observer_that_raises_is_logged_with_its_name_and_harms_nobody(caplog, problem):
    class Noisy(Observer):
        pass

    heard = []
    with caplog.at_level(logging.ERROR):
        build_registry(Observer(heard), Noisy(heard, problem), Observer(heard)).events_recorded("e", 5)
    assert heard == [("e", 5)] * 3
    (record,) = caplog.records
    assert record.getMessage().startswith(f"Plugin Noisy: omniforge_events_recorded raised {type(problem).__name__}")
    assert record.exc_info[1] is problem


def test_ctrl_c_in_an_observer_passes_through():
    with pytest.raises(KeyboardInterrupt):
        build_registry(Observer([], KeyboardInterrupt())).events_recorded("e", 1)


def test_tryfirst_and_trylast_are_respected():
    said = []

    def speaker(name, **options):
        class Speaker:
            @hookimpl(**options)
            def omniforge_events_recorded(self):
                said.append(name)

        return Speaker()

    build_registry(
        speaker("last", trylast=True), speaker("one"), speaker("two"), speaker("first", tryfirst=True)
    ).events_recorded(None, 1)
    assert said == ["first", "one", "two", "last"]


def test_every_hook_has_a_place():
    assert tuple(build_registry().implementations) == HOOKS
    assert len(HOOKS) == 8
