"""Where a database is: the URL people write, taken apart once, with the password kept out of every message."""

from dataclasses import dataclass, field
from urllib.parse import parse_qsl, unquote, urlsplit

from omniforge_graph.errors import ConfigurationError

FORMS = "sqlite:///relative.db, sqlite:////absolute/path.db or postgres://user:password@host:port/name"
TLS_MODES = ("disable", "allow", "prefer", "require", "verify-ca", "verify-full")


@dataclass(frozen=True, slots=True)
class SqliteAddress:
    """A file, relative to the working directory unless it begins with a slash."""

    path: str

    def __str__(self) -> str:
        return f"The SQLite file {self.path}"


@dataclass(frozen=True, slots=True)
class PostgresAddress:
    """A database of a PostgreSQL server."""

    host: str
    port: int
    name: str
    user: str | None
    password: str | None = field(repr=False)
    tls: str | None = None

    def __str__(self) -> str:
        return f"The PostgreSQL database {self.name!r} on {self.host}:{self.port}"


def parse_address(url: str) -> SqliteAddress | PostgresAddress:
    """Take a database URL apart; special characters in it are percent-encoded.

    Raises:
        ConfigurationError: the URL has another form; the message says what is wrong without repeating the URL.
    """
    scheme, separator, rest = url.partition("://")
    if separator and scheme == "sqlite":
        return _sqlite(rest)
    if separator and scheme in {"postgres", "postgresql"}:
        return _postgres(url)
    raise _refusal("begins with neither sqlite:/// nor postgres://")


def _sqlite(rest: str) -> SqliteAddress:
    if not rest.startswith("/"):
        raise _refusal("needs three slashes after sqlite: (four before an absolute path)")
    path = unquote(rest[1:])
    if not path or path == ":memory:":
        raise _refusal("must name a file: a database in memory would be another one for each connection")
    if "?" in rest or "#" in rest:
        raise _refusal("takes no parameters; write ? and # in a file's name as %3F and %23")
    return SqliteAddress(path)


def _postgres(url: str) -> PostgresAddress:
    try:
        parts = urlsplit(url)
        port = 5432 if parts.port is None else parts.port
    except ValueError:  # its own words may hold a piece of the password
        raise _refusal(
            "cannot be read: percent-encode special characters in the password (@ as %40, / as %2F, # as %23)"
        ) from None
    name = unquote(parts.path[1:])
    if not parts.hostname or not name or parts.fragment:
        raise _refusal("must name a host and a database; percent-encode special characters in the password (/ as %2F)")
    parameters = dict(parse_qsl(parts.query, keep_blank_values=True))
    tls = parameters.pop("sslmode", None)
    if parameters or (tls is not None and tls not in TLS_MODES):
        raise _refusal(f"takes one parameter, sslmode, which is one of {', '.join(TLS_MODES)}")
    user, password = (None if each is None else unquote(each) for each in (parts.username, parts.password))
    return PostgresAddress(host=parts.hostname, port=port, name=name, user=user, password=password, tls=tls)


def _refusal(problem: str) -> ConfigurationError:
    return ConfigurationError(f"The database URL {problem}. Write {FORMS}.", path=("database_url",))
