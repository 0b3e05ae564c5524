"""How values of the schema's input types are read from JSON: msgspec decodes, generated Python builds the instances."""

from collections.abc import Callable
from dataclasses import MISSING
from itertools import count
from types import GenericAlias
from typing import Any, ClassVar, Union
from weakref import WeakKeyDictionary

import msgspec
from graphql import (
    GraphQLInputField,
    GraphQLInputObjectType,
    GraphQLInputType,
    GraphQLList,
    GraphQLNonNull,
    GraphQLSchema,
    Undefined,
    is_leaf_type,
)
from graphql.utilities.coerce_input_value import coerce_default_value
from strawberry import Schema
from strawberry.relay import GlobalID
from strawberry.types.arguments import convert_argument
from strawberry.types.base import StrawberryContainer, StrawberryList, StrawberryMaybe, StrawberryObjectDefinition
from strawberry.types.field import StrawberryField
from strawberry.types.lazy_type import LazyType

from omniforge_graph.graphql.plans.errors import Unplannable
from omniforge_graph.graphql.plans.leaves import DEFINITION, Reading, Source, as_it_is, read_leaf


class InputTypes:
    """The readings of one schema's input types; each is made when the first operation needs it."""

    _of_schemas: ClassVar[WeakKeyDictionary[GraphQLSchema, "InputTypes"]] = WeakKeyDictionary()

    def __init__(self, owner: Schema) -> None:
        self._scalars = owner.schema_converter.scalar_registry
        self._config = owner.config
        self._named: dict[Any, Reading | None] = {}
        self._numbers = count()
        self._names: dict[str, Any] = {"UNSET": msgspec.UNSET}

    @classmethod
    def of(cls, schema: GraphQLSchema) -> "InputTypes | None":
        """Return those of a schema; None if Strawberry did not make it."""
        owner = schema.extensions.get(DEFINITION)
        if not isinstance(owner, Schema):
            return None
        if schema not in cls._of_schemas:
            cls._of_schemas[schema] = cls(owner)
        return cls._of_schemas[schema]

    def reading(self, type_: GraphQLInputType) -> Reading:
        """Return how values of the type are read; raises `Unplannable`."""
        if isinstance(type_, GraphQLNonNull):
            return self._not_null(type_.of_type)
        decoded, convert = self._not_null(type_)
        if convert is as_it_is:
            return Reading(either(decoded, None), as_it_is)
        return Reading(either(decoded, None), lambda name: f"(None if {name} is None else {convert(name)})")

    def default(self, value: Any, type_: GraphQLInputType) -> Callable[[], Any]:
        """Return what makes the resolvers' value of a default that graphql-core has coerced, a new one for each use."""
        if value is None or is_leaf_type(_nullable(type_)):
            return lambda: value
        strawberry_type = _strawberry_type(type_)
        return lambda: convert_argument(value, strawberry_type, self._scalars, self._config)

    def compile(self, lines: list[str], **names: Any) -> Callable[[Any], Any]:
        """Return the function of `decoded` that has these lines, which may refer to `names`."""
        scope = {**self._names, **names}
        exec("\n    ".join(["def read(decoded):", *lines]), scope)  # noqa: S102 - made of names and numbers only
        function: Callable[[Any], Any] = scope["read"]
        return function

    def _define(self, name: str, value: Any) -> str:
        name = f"{name}_{next(self._numbers)}"
        self._names[name] = value
        return name

    def _not_null(self, type_: Any) -> Reading:
        if isinstance(type_, GraphQLList):
            item, each = self.reading(type_.of_type), f"e{next(self._numbers)}"
            items = GenericAlias(list, (item.type,))
            if item.convert is as_it_is:
                return Reading(items, as_it_is)
            return Reading(items, lambda name: f"[{item.convert(each)} for {each} in {name}]")
        if type_ not in self._named:
            self._named[type_] = None  # met again before it is made, it contains itself
            make = self._object if isinstance(type_, GraphQLInputObjectType) else self._leaf
            self._named[type_] = make(type_)
        found = self._named[type_]
        if found is None:
            raise Unplannable(f"The input type {type_.name} contains itself, or cannot be read.")
        return found

    def _leaf(self, type_: Any) -> Reading:
        return read_leaf(type_, self._define)

    def _object(self, type_: GraphQLInputObjectType) -> Reading:
        definition = _ordinary_definition(type_)
        members: list[Any] = []
        lines, arguments = [], []
        names = {}
        for number, field in enumerate(definition.fields):
            name, attribute = self._config.name_converter.from_field(field), f"a{number}"
            member = type_.fields.get(name)
            if member is None or member.out_name or not is_plain(field.resolve_type(type_definition=definition)):
                raise Unplannable(f"The input field {type_.name}.{name} is converted in a way of its own.")
            names[attribute] = name
            reading = self.reading(member.type)
            value = reading.convert(attribute)
            absent = self._absent(member, field)
            if absent is None:
                members.append((attribute, reading.type))
            else:
                members.append((attribute, either(reading.type, msgspec.UnsetType), msgspec.UNSET))
                value = f"({absent} if {attribute} is UNSET else {value})"
            lines.append(f"{attribute} = decoded.{attribute}")
            arguments.append(f"{field.python_name}={value}")
        lines.append(f"return {self._define(type_.name, definition.origin)}({', '.join(arguments)})")
        make = self._define(f"make_{type_.name}", self.compile(lines))
        return Reading(struct(type_.name, members, names), lambda name: f"{make}({name})")

    def _absent(self, member: GraphQLInputField, field: StrawberryField) -> Source | None:
        """Return what a field is that the client leaves out; None if the client has to give it."""
        default = coerce_default_value(member)
        if default is None:
            return "None"
        if default is not Undefined:
            return f"{self._define('default', self.default(default, member.type))}()"
        if isinstance(member.type, GraphQLNonNull):
            return None
        if callable(field.default_factory):
            return f"{self._define('default', field.default_factory)}()"
        return "None" if field.default is MISSING else self._define("default", field.default)


def struct(name: str, members: list[Any], names: dict[str, str]) -> type[msgspec.Struct]:
    """Return a structure that decodes from JSON objects of these members, and refuses any other member."""
    return msgspec.defstruct(name, members, rename=names, forbid_unknown_fields=True, kw_only=True, gc=False)


def either(one: Any, other: Any) -> Any:
    """Return the type of what is one or the other; not every type knows `|`."""
    return Union[one, other]  # noqa: UP007


def is_plain(type_: Any) -> bool:
    """Return whether Strawberry gives a value of the type to resolvers as its input type alone tells."""
    if isinstance(type_, StrawberryMaybe):
        return False
    if isinstance(type_, LazyType):
        return is_plain(type_.resolve_type())
    if isinstance(type_, StrawberryContainer):
        return is_plain(type_.of_type)
    return type_ is not GlobalID


def _ordinary_definition(type_: GraphQLInputObjectType) -> StrawberryObjectDefinition:
    """Return the definition of an input class that Strawberry builds by its fields; raises `Unplannable`."""
    definition = type_.extensions.get(DEFINITION)
    if (
        not isinstance(definition, StrawberryObjectDefinition)
        or definition.from_input is not None
        or definition.concrete_of is not None
        or type_.is_one_of
        or type_.out_type is not GraphQLInputObjectType.out_type
        or len(definition.fields) != len(type_.fields)
    ):
        raise Unplannable(f"The input type {type_.name} is not built from its fields alone.")
    return definition


def _nullable(type_: GraphQLInputType) -> Any:
    return type_.of_type if isinstance(type_, GraphQLNonNull) else type_


def _strawberry_type(type_: GraphQLInputType) -> Any:
    """Return a type that Strawberry converts as it converts this one: of leaves it matters only that they are."""
    inner = _nullable(type_)
    if isinstance(inner, GraphQLList):
        return StrawberryList(_strawberry_type(inner.of_type))
    return str if is_leaf_type(inner) else inner.extensions[DEFINITION].origin
