"""The loader: each plugin has its own error, names are never taken over, everything else runs."""

import subprocess
import sys
from importlib import metadata
from importlib.metadata import EntryPoint

import pytest

from omniforge_graph.errors import ConfigurationError, PluginError
from omniforge_graph.plugin import AllocationStrategy, Options, hookimpl
from omniforge_graph.plugin.manager import GROUP, build_registry, installed_plugins, load_plugins
from omniforge_graph.plugin.registry import PluginStatus

FAILED, LOADED, DISABLED = PluginStatus.FAILED, PluginStatus.LOADED, PluginStatus.DISABLED

STRATEGY = """
from omniforge_graph.plugin import AllocationStrategy, hookimpl

class First(AllocationStrategy):
    name = "{name}"
    description = "Always the first variant."

    def choose(self, variants, phase, point, options):
        return variants[0].id

@hookimpl
def omniforge_register_allocation_strategies():
    return [First()]
"""
OBSERVER = """
from omniforge_graph.plugin import hookimpl

@hookimpl
def omniforge_events_recorded(count):
    pass
"""


def status_of(registry):
    return {(plugin.distribution, plugin.name): plugin.status for plugin in registry.plugins}


def only(registry):
    (plugin,) = registry.plugins
    return plugin


def ours():
    return [each for each in metadata.entry_points(group=GROUP) if each.dist.name == "omniforge-graph"]


# ---------------------------------------------------------------- what is installed


def test_ours_are_found_by_entry_points_like_anyones():
    registry = load_plugins()
    weighted = next(plugin for plugin in registry.plugins if plugin.name == "weighted_split")
    assert (weighted.distribution, weighted.status, weighted.error) == ("omniforge-graph", LOADED, None)
    assert weighted.version == metadata.version("omniforge-graph")
    assert weighted.hooks == ("omniforge_register_allocation_strategies",)
    (offer,) = weighted.offers
    assert (offer.kind, offer.name) == ("ALLOCATION_STRATEGY", "weighted")
    assert offer.description == registry.strategies["weighted"].description
    assert offer.options_schema["additionalProperties"] is False


def test_installed_plugins_are_loaded_once():
    assert installed_plugins() is installed_plugins()


def test_a_clone_that_is_not_installed_says_so(monkeypatch, distributions):
    theirs = distributions("acme", thing=OBSERVER)
    monkeypatch.setattr(metadata, "entry_points", lambda group: theirs)
    with pytest.raises(ConfigurationError, match=r"omniforge-graph is not installed.*make install"):
        load_plugins()


def test_a_clone_without_metadata_says_so():
    code = "import sys; sys.meta_path[:] = []"  # no finder of metadata is left, as in a bare clone
    done = subprocess.run(
        [sys.executable, "-c", f"from omniforge_graph.plugin.manager import load_plugins; {code}; load_plugins()"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert "omniforge-graph is not installed" in done.stderr.splitlines()[-1]


def test_plugins_are_listed_in_the_order_of_their_names(distributions):
    found = distributions("acme", b=OBSERVER, a=OBSERVER) + distributions("zeta", c=OBSERVER)
    assert [p.name for p in load_plugins(entry_points=reversed(found)).plugins] == ["a", "b", "c"]


def test_an_entry_point_without_a_distribution_is_loaded(distributions):
    (found,) = distributions("acme", thing=OBSERVER)
    plugin = only(load_plugins(entry_points=[EntryPoint(found.name, found.value, GROUP)]))
    assert (plugin.distribution, plugin.version, plugin.status) == ("(unknown distribution)", None, LOADED)


# ---------------------------------------------------------------- one plugin fails, the others run


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("import no_such_module_at_all", "ModuleNotFoundError: No module named 'no_such_module_at_all'"),
        ("def broken(:", "SyntaxError"),
        ("1 / 0", "it cannot be imported: ZeroDivisionError: division by zero."),
        ("import sys; sys.exit('bye')", "it cannot be imported: SystemExit: bye."),
        ("class Odd(BaseException): pass\nraise Odd", "it cannot be imported: Odd."),
        ("", "it implements no hook"),
        (
            OBSERVER.replace("omniforge_events_recorded", "omniforge_chose_statistical_test"),
            "omniforge_chose_statistical_test is not a hook; did you mean omniforge_choose_statistical_test?",
        ),
        (OBSERVER.replace("omniforge_events_recorded", "omniforge_xyz"), "is not a hook; the hooks are omniforge_"),
        (OBSERVER.replace("(count)", "(cuont)"), "{'cuont'} are declared in the hookimpl but can not be found"),
        (OBSERVER.replace("@hookimpl", ""), "omniforge_events_recorded is not marked: decorate it with @hookimpl."),
        (OBSERVER.replace("def ", "async def "), "omniforge_events_recorded is async"),
        (
            OBSERVER.replace("@hookimpl", "@hookimpl(wrapper=True)").replace("pass", "yield"),
            "omniforge_events_recorded is a hook wrapper",
        ),
        (
            STRATEGY.replace("return [", "raise RuntimeError('no') or ["),
            "allocation_strategies raised RuntimeError: no",
        ),
        (STRATEGY.replace("return [First()]", "return First()"), "return a list of AllocationStrategy instances"),
        (STRATEGY.replace("return [First()]", "pass"), "it returned None; return a list"),
        (STRATEGY.replace("[First()]", "[First]"), "it returned the class First; return an instance, First()"),
        (STRATEGY.replace("[First()]", "['First']"), "which is not an instance of AllocationStrategy"),
        (STRATEGY.replace("    name = ", "    nmae = "), "First.name is None; it must be"),
        (STRATEGY.replace("{name}", "my strategy"), "First.name is 'my strategy'; it must be"),
        (STRATEGY.replace("    description = ", "    d = "), "First.description must be text"),
        (STRATEGY.replace("the first", r"the\nfirst"), "First.description must be one line"),
        (STRATEGY.replace("def choose", "def chose"), "abstract"),
        (STRATEGY.replace("    name", "    options_type = dict\n    name"), "First.options_type must be a subclass"),
    ],
)
def test_a_plugin_that_fails_is_listed_with_its_error(distributions, caplog, source, words):
    registry = load_plugins(
        entry_points=distributions("acme", fine=STRATEGY.format(name="fine"), thing=source.format(name="other"))
    )
    assert status_of(registry) == {("acme", "fine"): LOADED, ("acme", "thing"): FAILED}
    failed = registry.plugins[1]
    assert words in failed.error
    assert (failed.offers, failed.hooks) == ((), ())
    assert list(registry.strategies) == ["fine"]
    assert "Plugin thing of acme is not loaded" in caplog.text


def test_ctrl_c_during_an_import_passes_through(distributions):
    with pytest.raises(KeyboardInterrupt):
        load_plugins(entry_points=distributions("acme", thing="raise KeyboardInterrupt"))


def test_an_entry_point_may_name_an_instance_but_not_a_class(distributions):
    source = OBSERVER.replace("(count)", "(self, count)").replace("@hookimpl\ndef", "class Thing:\n  @hookimpl\n  def")
    (found,) = distributions("acme", thing=source + "\nthing = Thing()\n")
    instance = EntryPoint("thing", f"{found.value}:thing", GROUP)
    assert only(load_plugins(entry_points=[instance])).hooks == ("omniforge_events_recorded",)
    failed = only(load_plugins(entry_points=[EntryPoint("thing", f"{found.value}:Thing", GROUP)]))
    assert failed.error == "its entry point names the class Thing; name a module or an instance."


def test_a_hook_of_a_newer_version_can_be_optional(distributions):
    optional = OBSERVER + "\n@hookimpl(optionalhook=True)\ndef omniforge_from_the_future():\n    pass\n"
    assert only(load_plugins(entry_points=distributions("acme", thing=optional))).status is LOADED


# ---------------------------------------------------------------- names


def test_a_name_claimed_by_two_others_loads_neither_and_imports_neither(distributions):
    source = "raise AssertionError('imported')"
    found = distributions("zeta", thing=source, fine=OBSERVER) + distributions("acme", thing=source)
    registry = load_plugins(entry_points=found)
    assert status_of(registry) == {("zeta", "fine"): LOADED, ("acme", "thing"): FAILED, ("zeta", "thing"): FAILED}
    for plugin in registry.plugins[1:]:
        assert plugin.error == (
            "the plugin name 'thing' is claimed by acme (plugin thing) and zeta (plugin thing): "
            "rename it in one of them, or uninstall one."
        )


def test_nobody_takes_a_name_of_ours(distributions):
    registry = load_plugins(entry_points=distributions("acme", weighted_split="1 / 0") + ours())
    status = status_of(registry)
    assert status["omniforge-graph", "weighted_split"] is LOADED
    assert status["acme", "weighted_split"] is FAILED
    (error,) = [plugin.error for plugin in registry.plugins if plugin.distribution == "acme"]
    assert "acme (plugin weighted_split) and omniforge-graph (plugin weighted_split)" in error
    assert type(registry.strategies["weighted"]).__module__ == "omniforge_allocation.weighted_split"


def test_nobody_takes_a_strategy_name_of_ours(distributions):
    registry = load_plugins(entry_points=distributions("acme", a=STRATEGY.format(name="weighted")) + ours())
    assert status_of(registry)["acme", "a"] is FAILED
    assert registry.plugins[0].error == (
        "the allocation strategy name 'weighted' is claimed by acme (plugin a) and omniforge-graph "
        "(plugin weighted_split): rename it in one of them, or uninstall one."
    )
    assert type(registry.strategies["weighted"]).__module__ == "omniforge_allocation.weighted_split"


def test_a_strategy_name_claimed_by_two_others_loads_neither(distributions):
    source = STRATEGY.format(name="first") + OBSERVER
    found = distributions("acme", a=source) + distributions("zeta", b=source)
    registry = load_plugins(entry_points=found)
    assert set(status_of(registry).values()) == {FAILED}
    assert not registry.strategies
    assert registry.implementations["omniforge_events_recorded"] == ()
    assert all("acme (plugin a) and zeta (plugin b)" in plugin.error for plugin in registry.plugins)


RECORDER = """
from omniforge_graph.plugin import hookimpl

@hookimpl
def omniforge_events_recorded(experiment_id):
    experiment_id.append(__name__)
"""


@pytest.mark.parametrize("ourselves", ["omniforge-graph", "OmniForge_Graph"])
def test_ours_come_last_whatever_their_names(distributions, ourselves):
    found = distributions(ourselves, a=RECORDER, c=RECORDER) + distributions("acme", b=RECORDER, d=RECORDER)
    heard = []
    load_plugins(entry_points=found).events_recorded(heard, 1)
    assert [name[-1] for name in heard] == ["b", "d", "a", "c"]


def test_two_of_ours_under_one_name_are_both_refused(distributions):
    source = STRATEGY.format(name="first")
    found = distributions("omniforge-graph", a=source, b=source)
    assert set(status_of(load_plugins(entry_points=found)).values()) == {FAILED}


# ---------------------------------------------------------------- disabled


def test_a_disabled_plugin_is_not_imported(distributions):
    registry = load_plugins(["thing"], distributions("acme", thing="1 / 0", fine=OBSERVER))
    assert status_of(registry) == {("acme", "fine"): LOADED, ("acme", "thing"): DISABLED}


def test_disabling_a_plugin_that_is_not_there_names_the_ones_that_are(distributions):
    with pytest.raises(ConfigurationError, match=r"'thign': there is none. The plugins are fine, thing\.") as caught:
        load_plugins(["thign"], distributions("acme", thing=OBSERVER, fine=OBSERVER))
    assert caught.value.field == "disabled_plugins"


# ---------------------------------------------------------------- from code


class Early(AllocationStrategy):
    """For tests."""

    name = "early"
    description = "The first variant."

    class Knobs(Options):
        sure: bool

    def choose(self, variants, phase, point, options):
        return variants[0].id

    @hookimpl
    def omniforge_register_allocation_strategies(self):
        return [self]


def test_a_registry_from_code():
    registry = build_registry(Early())
    assert registry.strategy("early").name == "early"
    assert only(registry).distribution == "(code)"
    assert build_registry().plugins == ()


def test_a_registry_from_code_refuses_what_the_loader_would_list_as_failed():
    class NeedsOptions(Early):
        options_type = Early.Knobs

    with pytest.raises(PluginError, match=r"NeedsOptions cannot be loaded: .*Every option needs a default") as caught:
        build_registry(NeedsOptions())
    assert caught.value.plugin == "NeedsOptions"
    with pytest.raises(PluginError, match="the allocation strategy name 'early' is claimed by"):
        build_registry(Early(), Early())
