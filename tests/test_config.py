"""Settings: read from the environment, and refused in words that say what to write instead."""

import pytest

from omniforge_graph.config import Settings, load_settings
from omniforge_graph.errors import ConfigurationError

ORIGINS = (
    "origins such as https://dashboard.example or http://localhost:3000, each with its scheme and without a path, "
    "separated by commas"
)


@pytest.mark.parametrize(
    ("name", "value", "needed"),
    [
        ("PORT", "65536", "a whole number from 0 to 65535"),
        ("PORT", "http", "a whole number from 0 to 65535"),
        ("WORKERS", "0", "a whole number from 1 to 64"),
        ("WORKERS", "1.5", "a whole number from 1 to 64"),
        ("REFRESH_INTERVAL", "0", "a number above 0 and at most 60"),
        ("FLUSH_INTERVAL", "nan", "a number above 0 and at most 60"),
        ("REQUEST_TIMEOUT", "601", "a number above 0 and at most 600"),
        ("OUTCOME_RETENTION_DAYS", "36501", "a whole number from 0 to 36500"),
        ("INGEST_QUEUE_EVENTS", "4999", "a whole number from 5000 to 10000000"),
        ("MAX_BODY_BYTES", "1", "a whole number from 1024"),
        ("DEMO", "perhaps", "true or false"),
        ("OPERATION_PLANS", "2", "true or false"),
        ("LOG_LEVEL", "loud", "critical, error, warning, info or debug"),
        ("ALLOWED_ORIGINS", "dashboard.example", ORIGINS),
        ("ALLOWED_ORIGINS", "https://dashboard.example/", ORIGINS),
    ],
)
def test_a_bad_value_is_refused_with_what_to_write_instead(name, value, needed):
    with pytest.raises(ConfigurationError) as caught:
        load_settings({f"OMNIFORGE_{name}": value})
    assert caught.value.message == f"OMNIFORGE_{name} (or its option) cannot be {value!r}; write {needed}."
    assert caught.value.path == (name.lower(),)


def test_an_option_is_refused_as_its_variable_is():
    with pytest.raises(
        ConfigurationError, match=r"OMNIFORGE_ALLOWED_ORIGINS .* cannot be 'https://a, b'; write origins"
    ):
        load_settings({}, allowed_origins=("https://a", "b"))


def test_an_option_wins_over_its_variable():
    settings = load_settings({"OMNIFORGE_PORT": "1", "OMNIFORGE_DEMO": "false", "OTHER": "x"}, port=2, host=None)
    assert settings == Settings(port=2, demo=False)


def test_lists_are_separated_by_commas():
    settings = load_settings({"OMNIFORGE_ALLOWED_ORIGINS": " https://a ,, http://b:1,"})
    assert settings.allowed_origins == ("https://a", "http://b:1")


def test_a_mistyped_variable_is_refused():
    with pytest.raises(
        ConfigurationError, match="OMNIFORGE_PROT is not a setting; the settings are OMNIFORGE_DATABASE"
    ):
        load_settings({"OMNIFORGE_PROT": "1"})
