"""Options of plugins: strict types, errors that name the field, a schema for users."""

from typing import Annotated

import msgspec
import pytest
from msgspec import Meta

from omniforge_graph.errors import ValidationError
from omniforge_graph.plugin import AllocationStrategy, MetricKind, Options, StatisticalTest
from omniforge_graph.plugin.manager import build_registry
from omniforge_graph.plugin.offers import describe

PATH = ("allocation", "options")


class Inner(msgspec.Struct, frozen=True):
    low: float = 0.0


class Knobs(Options):
    """What can be set."""

    rate: Annotated[float, Meta(gt=0, le=1, description="How fast.")] = 0.5
    names: tuple[str, ...] = ()
    inner: Inner = Inner()

    def __post_init__(self):
        if self.rate == 0.75:
            raise ValueError("rate 0.75 is unlucky")


class Strategy(AllocationStrategy):
    name = "strategy"
    description = "For tests."
    options_type = Knobs

    def choose(self, variants, phase, point, options):
        return variants[0].id


class Test(StatisticalTest):
    __test__ = False
    name = "test"
    description = "For tests."

    def compare(self, samples, design, options):
        raise NotImplementedError


REGISTRY = build_registry()


@pytest.mark.parametrize("raw", [None, {}])
def test_none_and_nothing_are_the_defaults(raw):
    assert REGISTRY.parse_options(Strategy(), raw, PATH) == Knobs()


def test_options_are_typed():
    parsed = REGISTRY.parse_options(Strategy(), {"rate": 1, "names": ["a"], "inner": {"low": 2}}, PATH)
    assert parsed == Knobs(rate=1.0, names=("a",), inner=Inner(2.0))
    assert type(parsed.rate) is float


@pytest.mark.parametrize(
    ("raw", "steps", "words"),
    [
        ({"rate": "0.5"}, ["rate"], "Expected `float`, got `str`"),
        ({"rate": 0}, ["rate"], "> 0.0"),
        ({"rate": None}, ["rate"], "got `null`"),
        ({"rate": 0.75}, [], "rate 0.75 is unlucky"),
        ({"names": ["a", 3]}, ["names", 1], "Expected `str`, got `int`"),
        ({"inner": {"low": True}}, ["inner", "low"], "got `bool`"),
        ({"rat": 1}, ["rat"], "unknown field `rat`. Its options are: rate, names, inner."),
        ([1], [], "must be an object of names and values"),
        ("rate", [], "must be an object of names and values"),
    ],
)
def test_a_wrong_option_is_named(raw, steps, words):
    with pytest.raises(ValidationError) as caught:
        REGISTRY.parse_options(Strategy(), raw, PATH)
    assert caught.value.path == (*PATH, *steps)
    assert words in caught.value.message
    assert "strategy" in caught.value.message


def test_a_plugin_without_options_takes_none():
    with pytest.raises(ValidationError, match=r"Its options are: none\."):
        REGISTRY.parse_options(Test(), {"rate": 1}, PATH)


def test_the_schema_is_printed_with_bounds_and_descriptions():
    schema = describe(Strategy()).options_schema
    assert schema["description"] == "What can be set."
    assert schema["properties"]["rate"] == {
        "type": "number",
        "description": "How fast.",
        "exclusiveMinimum": 0,
        "maximum": 1,
        "default": 0.5,
    }
    assert schema["additionalProperties"] is False
    assert set(schema["$defs"]) == {"Inner"}
    assert "description" not in describe(Test()).options_schema


@pytest.mark.parametrize("kinds", [frozenset(), frozenset({"BINARY?"}), None])
def test_a_test_must_say_what_it_judges(kinds):
    class Kindless(Test):
        pass

    Kindless.kinds = kinds
    with pytest.raises(ValidationError, match=r"Kindless\.kinds must be a frozenset"):
        describe(Kindless())
    assert set(Test.kinds) == set(MetricKind)


class Unprintable(Options):
    thing: object.__class__ | None = None


def test_options_that_msgspec_cannot_describe_are_refused():
    class Odd(Strategy):
        options_type = Unprintable

    with pytest.raises(ValidationError, match=r"Odd\.options_type: .*Every option needs a default"):
        describe(Odd())
