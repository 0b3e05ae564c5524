"""Hook implementations: found in a plugin, checked against the specifications, called one by one.

pluggy knows the specifications and which arguments an implementation takes. It would let one failing plugin stop the
others, so each implementation is called by itself here.
"""

import inspect
from collections.abc import Mapping
from difflib import get_close_matches
from typing import Any

import pluggy
from pluggy import HookImpl

from omniforge_graph.errors import ConfigurationError, PluginError
from omniforge_graph.plugin import hookspecs

HOOKS: tuple[str, ...] = tuple(name for name in vars(hookspecs) if name.startswith(f"{hookspecs.PROJECT}_"))
"""The names of all hooks, in the order of their moments."""


def implementations(plugin: object, name: str) -> Mapping[str, HookImpl]:
    """Return the hooks that `plugin` implements.

    Raises:
        ConfigurationError: it implements none, misspells one or its arguments, forgets the marker, or writes an
            implementation that cannot be called like a plain function.
    """
    if isinstance(plugin, type):
        raise ConfigurationError(f"its entry point names the class {plugin.__name__}; name a module or an instance.")
    manager = pluggy.PluginManager(hookspecs.PROJECT)
    manager.add_hookspecs(hookspecs)
    try:
        manager.register(plugin, name)
    except pluggy.PluginValidationError as problem:
        raise ConfigurationError(" ".join(str(problem).split())) from problem
    found = {
        caller.name: implementation
        for caller in manager.get_hookcallers(plugin) or ()
        for implementation in caller.get_hookimpls()
        if caller.has_spec() or not implementation.optionalhook
    }
    for hook, implementation in found.items():
        _check(hook, implementation)
    for hook in HOOKS:
        if hook not in found and inspect.isroutine(getattr(plugin, hook, None)):
            raise ConfigurationError(f"{hook} is not marked: decorate it with @hookimpl.")
    if not found:
        raise ConfigurationError(f"it implements no hook; the hooks are {', '.join(HOOKS)}.")
    return found


def _check(hook: str, implementation: HookImpl) -> None:
    if hook not in HOOKS:
        near = get_close_matches(hook, HOOKS, n=1, cutoff=0.8)
        hint = f"did you mean {near[0]}?" if near else f"the hooks are {', '.join(HOOKS)}."
        raise ConfigurationError(f"{hook} is not a hook; {hint}")
    if implementation.wrapper or implementation.hookwrapper:
        raise ConfigurationError(f"{hook} is a hook wrapper; plugins are called one by one, so write a plain function.")
    if inspect.iscoroutinefunction(implementation.function):
        raise ConfigurationError(f"{hook} is async; hooks are called without await, so write it with def.")


def call(hook: str, implementation: HookImpl, **arguments: Any) -> Any:
    """Call one plugin's implementation with the arguments it takes.

    Raises:
        PluginError: it raised, whatever it was (a plugin may call `sys.exit`); only Ctrl-C passes through.
    """
    name = implementation.plugin_name
    try:
        return implementation.function(*(arguments[each] for each in implementation.argnames))
    except KeyboardInterrupt:
        raise
    except BaseException as problem:
        raise PluginError(f"Plugin {name}: {hook} raised {explain(problem)}.", plugin=name) from problem


def explain(problem: BaseException) -> str:
    """Return an exception's type and message in one line."""
    text = " ".join(str(problem).split()).rstrip(".")
    return f"{type(problem).__name__}: {text}" if text else type(problem).__name__
