"""URLs: the three forms, and messages that help without giving the password away."""

import pytest

from omniforge_graph.errors import ConfigurationError
from omniforge_graph.persistence.address import PostgresAddress, SqliteAddress, parse_address

SECRET = "s3cr3t"


@pytest.mark.parametrize(
    ("url", "path"),
    [
        ("sqlite:///relative.db", "relative.db"),
        ("sqlite:///folder/file.db", "folder/file.db"),
        ("sqlite:////absolute/path.db", "/absolute/path.db"),
        ("sqlite:////with%20space/%3F%23%25.db", "/with space/?#%.db"),
    ],
)
def test_sqlite(url, path):
    assert parse_address(url) == SqliteAddress(path)


@pytest.mark.parametrize("scheme", ["postgres", "postgresql"])
def test_postgres(scheme):
    address = parse_address(f"{scheme}://u%40x:p%40%2F%3A%23%3F%25ü@db.example:6543/my%2Fname?sslmode=require")
    assert address == PostgresAddress("db.example", 6543, "my/name", "u@x", "p@/:#?%ü", "require")
    assert parse_address(f"{scheme}://host/name") == PostgresAddress("host", 5432, "name", None, None)
    assert parse_address(f"{scheme}://[::1]:1/name") == PostgresAddress("::1", 1, "name", None, None)


@pytest.mark.parametrize(
    ("url", "word"),
    [
        ("", "sqlite:///"),
        ("omniforge.db", "sqlite:///"),
        (f"mysql://u:{SECRET}@h/n", "postgres://"),
        ("SQLITE:///file.db", "sqlite:///"),
        ("sqlite://file.db", "three slashes"),
        ("sqlite:///", "file"),
        ("sqlite://", "three slashes"),
        ("sqlite:///:memory:", "memory"),
        ("sqlite:///file.db?mode=ro", "parameters"),
        ("postgres://", "host and a database"),
        ("postgres://host", "host and a database"),
        ("postgres:///name", "host and a database"),
        (f"postgres://u:{SECRET}@host:port/name", "percent-encode"),
        (f"postgres://u:{SECRET}/x@host:1/name", "percent-encode"),
        (f"postgres://u:{SECRET}#x@host:1/name", "percent-encode"),
        (f"postgres://u:{SECRET}[x@host:1/name", "percent-encode"),
        (f"postgres://u:{SECRET}@host:99999/name", "percent-encode"),
        (f"postgres://u:{SECRET}@host/name?sslmode={SECRET}", "sslmode"),
        (f"postgres://u:{SECRET}@host/name?options={SECRET}", "sslmode"),
    ],
)
def test_other_forms_are_refused_with_the_fix(url, word):
    with pytest.raises(ConfigurationError, match=word) as caught:
        parse_address(url)
    assert caught.value.path == ("database_url",)
    assert "postgres://user:password@host:port/name" in str(caught.value)
    assert SECRET not in f"{caught.value!r} {caught.value.__cause__!r}"
    assert caught.value.__suppress_context__ or caught.value.__context__ is None


def test_an_address_does_not_show_its_password():
    address = parse_address(f"postgres://u:{SECRET}@host/name")
    assert address.password == SECRET
    assert SECRET not in f"{address} {address!r}"
