"""What a plugin offers, checked once when it loads: names, descriptions, options and their JSON schema."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, TypeAlias

import msgspec

from omniforge_graph.domain.metric import MetricKind
from omniforge_graph.domain.text import clean_text
from omniforge_graph.errors import Path, PluginError, ValidationError
from omniforge_graph.plugin.interfaces import AllocationStrategy, Options, StatisticalTest

Extension: TypeAlias = AllocationStrategy | StatisticalTest

_NAME = re.compile(r"[A-Za-z0-9_]{1,64}")
_PLACE = re.compile(r" - at `\$(.*)`$")
_STEP = re.compile(r"\.([^.\[\]]+)|\[(\d+)\]")
_UNKNOWN_FIELD = re.compile(r"unknown field `([^`]*)`")


class OfferKind(StrEnum):
    """What users can choose by name."""

    ALLOCATION_STRATEGY = "ALLOCATION_STRATEGY"
    STATISTICAL_TEST = "STATISTICAL_TEST"

    def __str__(self) -> str:
        return self.value.lower().replace("_", " ")


@dataclass(frozen=True, slots=True)
class Offer:
    """A strategy or a test as the list of plugins shows it. `options_schema` is JSON Schema, draft 2020-12."""

    kind: OfferKind
    name: str
    description: str
    options_schema: Mapping[str, Any]


def kind_of(extension: Extension) -> OfferKind:
    """Return what `extension` is."""
    if isinstance(extension, StatisticalTest):
        return OfferKind.STATISTICAL_TEST
    return OfferKind.ALLOCATION_STRATEGY


def check_extensions(answer: object, wanted: type[Extension]) -> tuple[Extension, ...]:
    """Return what a registration hook returned, if it is a list of sound instances of `wanted`.

    Raises:
        ValidationError: it is not; the message names the class at fault and the fix.
    """
    if isinstance(answer, str) or not isinstance(answer, Sequence):
        raise ValidationError(f"it returned {answer!r}; return a list of {wanted.__name__} instances.")
    for each in answer:
        if isinstance(each, type):
            raise ValidationError(f"it returned the class {each.__name__}; return an instance, {each.__name__}().")
        if not isinstance(each, wanted):
            raise ValidationError(f"it returned {each!r}, which is not an instance of {wanted.__name__}.")
        describe(each)
    return tuple(answer)


def describe(extension: Extension) -> Offer:
    """Return the offer an extension makes.

    Raises:
        ValidationError: its name, description, kinds or options type break the contract of its interface.
    """
    owner = type(extension).__name__
    name = getattr(extension, "name", None)
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise ValidationError(f"{owner}.name is {name!r}; it must be 1 to 64 letters, digits and underscores.")
    description = clean_text(getattr(extension, "description", None), (f"{owner}.description",))
    if "\n" in description:
        raise ValidationError(f"{owner}.description must be one line.")
    if isinstance(extension, StatisticalTest):
        kinds = extension.kinds
        if not kinds or not all(isinstance(kind, MetricKind) for kind in kinds):
            raise ValidationError(f"{owner}.kinds must be a frozenset with at least one MetricKind.")
    return Offer(kind_of(extension), name, description, _schema(owner, extension.options_type))


def _schema(owner: str, options_type: object) -> Mapping[str, Any]:
    """Return the JSON schema of an options type, with its own definition at the top instead of a reference."""
    if not (isinstance(options_type, type) and issubclass(options_type, Options)):
        raise ValidationError(f"{owner}.options_type must be a subclass of omniforge_graph.plugin.Options.")
    try:
        options_type()
        (reference,), definitions = msgspec.json.schema_components([options_type], ref_template="#/$defs/{name}")
    except (TypeError, ValueError, msgspec.ValidationError) as problem:
        reason = " ".join(str(problem).split())
        raise ValidationError(
            f"{owner}.options_type: {reason}. Every option needs a default and a type msgspec can describe."
        ) from problem
    schema = definitions.pop(reference["$ref"].rpartition("/")[2])
    if options_type is Options:
        del schema["description"]  # it tells authors what to do, not users what there is
    return {**schema, "$defs": definitions} if definitions else schema


def parse_options(extension: Extension, raw: Mapping[str, Any] | None, path: Path) -> Options:
    """Return raw options as the extension's typed options; None and {} are its defaults.

    Types are strict: "3" is no number.

    Raises:
        ValidationError: an option is unknown or has a bad value; `path` names it.
    """
    if raw is not None and not isinstance(raw, Mapping):
        raise ValidationError(f"The options of {extension.name} must be an object of names and values.", path=path)
    try:
        return msgspec.convert(dict(raw or {}), extension.options_type, strict=True)
    except msgspec.ValidationError as problem:
        message = str(problem)
        place = _PLACE.search(message)
        steps = [int(index) if index else name for name, index in _STEP.findall(place[1] if place else "")]
        sentence = f"The options of {extension.name} are wrong: {message.rstrip('.')}."
        if unknown := _UNKNOWN_FIELD.search(message):
            steps.append(unknown[1])
            known = ", ".join(extension.options_type.__struct_encode_fields__) or "none"
            sentence += "" if len(steps) > 1 else f" Its options are: {known}."
        raise ValidationError(sentence, path=(*path, *steps)) from problem
    except Exception as problem:
        raise PluginError(
            f"{extension.name} failed to read its options: {type(problem).__name__}: {problem}", plugin=extension.name
        ) from problem
