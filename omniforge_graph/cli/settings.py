"""The options that several commands share, and how they become settings."""

from typing import Annotated, Any

import typer

from omniforge_graph.config import Settings, load_settings

DatabaseUrl = Annotated[
    str | None,
    typer.Option(
        # 80 columns have room for all of the last one, without its port and a full stop.
        help="sqlite:///relative.db, sqlite:////absolute/path.db or postgres://user:secret@host/db",
        show_default="sqlite:///omniforge.db",
    ),
]
DisablePlugin = Annotated[
    list[str] | None,
    typer.Option(help="A plugin not to load, by its entry-point name. May be given several times.", metavar="NAME"),
]


def read_settings(disable_plugin: list[str] | None = None, **options: Any) -> Settings:
    """Return the settings: options that were given win over variables."""
    names = [name.strip() for given in disable_plugin or () for name in given.split(",")]
    return load_settings(disabled_plugins=tuple(names) or None, **options)
