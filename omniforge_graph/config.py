"""Settings: from `OMNIFORGE_*` variables and the command line, checked once, frozen afterwards."""

import os
from collections.abc import Mapping
from typing import Annotated, Any

import msgspec
from msgspec import Meta, inspect

from omniforge_graph.errors import ConfigurationError

PREFIX = "OMNIFORGE_"
LISTS = {"disabled_plugins", "allowed_origins"}
LOG_LEVELS = "critical, error, warning, info or debug"
NEEDED = {
    "allowed_origins": "origins such as https://dashboard.example or http://localhost:3000, each with its scheme and "
    "without a path, separated by commas",
    "log_level": LOG_LEVELS,
}
"""What to write for settings whose type does not say it."""


class Settings(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Everything that can be set. Each field is the variable ``OMNIFORGE_<FIELD>`` in capitals."""

    database_url: Annotated[
        str,
        Meta(description="sqlite:///file.db, sqlite:////absolute/file.db or postgres://user:password@host:port/name"),
    ] = "sqlite:///omniforge.db"
    host: Annotated[str, Meta(description="The address to listen on.")] = "127.0.0.1"
    port: Annotated[int, Meta(ge=0, le=65535, description="The port to listen on.")] = 8000
    workers: Annotated[int, Meta(ge=1, le=64, description="Server processes.")] = 1
    state_dir: Annotated[
        str,
        Meta(description="The folder for what outlives a process while the database is away; .omniforge unless given."),
    ] = ""
    demo: Annotated[bool, Meta(description="Seed a demonstration and send it simulated traffic.")] = True
    disabled_plugins: Annotated[
        tuple[str, ...], Meta(description="Plugins not to load, by entry-point name, separated by commas.")
    ] = ()
    allowed_origins: Annotated[
        tuple[Annotated[str, Meta(pattern=r"^https?://[^/\s]+$")], ...],
        Meta(description="Origins (https://host) whose pages may use the API from a browser, separated by commas."),
    ] = ()
    log_level: Annotated[
        str,
        Meta(
            pattern="^(critical|error|warning|info|debug)$",
            description=f"{LOG_LEVELS}.",
        ),
    ] = "info"
    refresh_interval: Annotated[
        float, Meta(gt=0, le=60, description="Seconds within which a process sees the changes of the others.")
    ] = 1.0
    flush_interval: Annotated[
        float,
        Meta(gt=0, le=60, description="Seconds that tracked exposures wait before they are written together."),
    ] = 0.2
    outcome_retention_days: Annotated[
        int, Meta(ge=0, le=36500, description="Days after which outcomes are kept as sums only; 0 keeps them for ever.")
    ] = 0
    ingest_queue_events: Annotated[
        int,
        Meta(ge=5_000, le=10_000_000, description="Once so many events wait to be written: RATE_LIMITED."),
    ] = 100_000
    request_timeout: Annotated[float, Meta(gt=0, le=600, description="Seconds after which a request is given up.")] = (
        10.0
    )
    operation_plans: Annotated[
        bool, Meta(description="Compile operations that come again; answers are the same without, only slower.")
    ] = True
    max_body_bytes: Annotated[int, Meta(ge=1024, description="The largest request body.")] = 4 * 1024 * 1024


def load_settings(environ: Mapping[str, str] | None = None, **overrides: Any) -> Settings:
    """Read the settings from the environment; overrides that are not None win.

    Raises:
        ConfigurationError: a variable is unknown or a value is bad; the message and `path` name it.
    """
    environ = os.environ if environ is None else environ
    values: dict[str, Any] = {
        name.removeprefix(PREFIX).lower(): text for name, text in environ.items() if name.startswith(PREFIX)
    }
    for name in values:
        if name not in Settings.__struct_fields__:
            raise ConfigurationError(
                f"{PREFIX}{name.upper()} is not a setting; the settings are "
                f"{', '.join(PREFIX + field.upper() for field in Settings.__struct_fields__)}.",
                path=(name,),
            )
    for name in LISTS & values.keys():
        values[name] = [item for part in values[name].split(",") if (item := part.strip())]
    values |= {name: value for name, value in overrides.items() if value is not None}
    for name, value in values.items():
        try:
            msgspec.convert({name: value}, Settings, strict=False)
        except msgspec.ValidationError:
            shown = ", ".join(value) if name in LISTS else value
            raise ConfigurationError(
                f"{PREFIX}{name.upper()} (or its option) cannot be {shown!r}; write {_needed(name)}.", path=(name,)
            ) from None
    return msgspec.convert(values, Settings, strict=False)


def _needed(name: str) -> str:
    """Return in words what a setting takes."""
    if name in NEEDED:
        return NEEDED[name]
    kind = inspect.type_info(Settings.__annotations__[name])
    if isinstance(kind, inspect.Metadata):  # its description
        kind = kind.type
    if isinstance(kind, inspect.BoolType):
        return "true or false"
    if not isinstance(kind, inspect.IntType | inspect.FloatType):
        return "text"
    least = f"from {kind.ge}" if kind.ge is not None else f"above {kind.gt:g}"
    most = "" if kind.le is None else f" to {kind.le}" if kind.ge is not None else f" and at most {kind.le:g}"
    return f"a {'whole ' if isinstance(kind, inspect.IntType) else ''}number {least}{most}"
