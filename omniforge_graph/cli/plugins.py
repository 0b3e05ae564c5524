"""`plugins`: what is loaded, from where, and what it offers."""

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from omniforge_graph.cli.settings import DisablePlugin, read_settings
from omniforge_graph.plugin.manager import load_plugins
from omniforge_graph.plugin.registry import PluginStatus

STYLES = {PluginStatus.LOADED: "green", PluginStatus.DISABLED: "yellow", PluginStatus.FAILED: "bold red"}


def plugins(disable_plugin: DisablePlugin = None) -> None:
    """List every plugin that was found, what it offers, and why one could not be loaded."""
    registry = load_plugins(read_settings(disable_plugin).disabled_plugins)
    table = Table("Plugin", "Distribution", "Status", "Offers", title="Plugins", title_justify="left")
    for plugin in registry.plugins:
        offers = "\n".join(
            f"[bold]{offer.name}[/] ({offer.kind}): {escape(offer.description)}" for offer in plugin.offers
        )
        hooks = f"[dim]hooks: {', '.join(plugin.hooks)}[/]" if plugin.hooks and not plugin.offers else ""
        table.add_row(
            escape(plugin.name),
            escape(f"{plugin.distribution} {plugin.version or ''}".strip()),
            f"[{STYLES[plugin.status]}]{plugin.status}[/]",
            escape(plugin.error) if plugin.error else offers or hooks,
        )
    Console().print(table)
