"""How values of the schema's input types are read from JSON: msgspec decodes, generated Python makes the instances."""

from collections.abc import Callable, Sequence
from dataclasses import MISSING
from itertools import count
from types import GenericAlias
from typing import Any, ClassVar, Self
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
from strawberry.types.arguments import convert_argument
from strawberry.types.base import StrawberryList
from strawberry.types.field import StrawberryField

from omniforge_graph.graphql.plans.errors import Unplannable
from omniforge_graph.graphql.plans.input_objects import either, make_instance, ordinary_definition, struct
from omniforge_graph.graphql.plans.leaves import DEFINITION, Reading, Source, as_it_is, read_leaf


class InputTypes:
    """The readings of one schema's input types; each is made when the first operation needs it."""

    _of_schemas: ClassVar[WeakKeyDictionary[GraphQLSchema, Self]] = WeakKeyDictionary()
    _def: ClassVar[Source] = "def"

    def __init__(self, owner: Schema) -> None:
        self._scalars = owner.schema_converter.scalar_registry
        self._config = owner.config
        self._named: dict[Any, Reading | None] = {}
        self._numbers = count()
        self._names: dict[str, Any] = {"UNSET": msgspec.UNSET, "new": object.__new__}

    @classmethod
    def of(cls, schema: GraphQLSchema) -> Self:
        """Return those of a schema; raises `Unplannable` if Strawberry did not make it."""
        owner = schema.extensions.get(DEFINITION)
        if not isinstance(owner, Schema):
            raise Unplannable("The schema is not Strawberry's.")
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
        """Return what makes a default that graphql-core has coerced into what resolvers get, anew for each use."""
        if value is None or is_leaf_type(_nullable(type_)):
            return lambda: value
        strawberry_type = _strawberry_type(type_)
        return lambda: convert_argument(value, strawberry_type, self._scalars, self._config)

    def compile(self, lines: Sequence[Source], **names: Any) -> Callable[[Any], Any]:
        """Return the function of `decoded` that has these lines, which may refer to `names`."""
        scope = {**self._names, **names}
        exec("\n    ".join([f"{self._def} read(decoded):", *lines]), scope)  # noqa: S102 - of names and numbers only
        function: Callable[[Any], Any] = scope["read"]
        return function

    def _define(self, name: str, value: Any) -> str:
        name = f"{name}_{next(self._numbers)}"
        self._names[name] = value
        return name

    def _not_null(self, type_: Any) -> Reading:
        if isinstance(type_, GraphQLList):
            return self._list(type_.of_type)
        if type_ not in self._named:
            self._named[type_] = None  # met again before it is made, it contains itself
            is_object = isinstance(type_, GraphQLInputObjectType)
            self._named[type_] = self._object(type_) if is_object else read_leaf(type_, self._define)
        found = self._named[type_]
        if found is None:
            raise Unplannable(f"The input type {type_.name} contains itself, or cannot be read.")
        return found

    def _list(self, type_: GraphQLInputType) -> Reading:
        item, each = self.reading(type_), f"e{next(self._numbers)}"
        items = GenericAlias(list, (item.type,))
        if item.convert is as_it_is:
            return Reading(items, as_it_is)
        return Reading(items, lambda name: f"[{item.convert(each)} for {each} in {name}]")

    def _object(self, type_: GraphQLInputObjectType) -> Reading:
        definition = ordinary_definition(type_)
        members: list[Any] = []
        names, lines, values = {}, [], {}
        for number, field in enumerate(definition.fields):
            name, attribute = self._config.name_converter.from_field(field), f"a{number}"
            member = type_.fields[name]
            decoded, convert = self.reading(member.type)
            absent = self._absent(member, field)
            if absent is None:
                members.append((attribute, decoded))
                value = convert(attribute)
            elif absent == "None":
                members.append((attribute, decoded, None))
                value = convert(attribute)
            else:
                members.append((attribute, either(decoded, msgspec.UnsetType), msgspec.UNSET))
                value = f"({absent} if {attribute} is UNSET else {convert(attribute)})"
            names[attribute] = name
            lines.append(f"{attribute} = decoded.{attribute}")
            values[field.python_name] = value
        lines += make_instance(self._define(type_.name, definition.origin), definition.origin, values)
        make = self._define(f"make_{type_.name}", self.compile(lines))
        return Reading(struct(type_.name, members, names), lambda name: self._call(make, name))

    def _call(self, function: str, argument: Source) -> Source:
        return f"{function}({argument})"

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


def _nullable(type_: GraphQLInputType) -> Any:
    return type_.of_type if isinstance(type_, GraphQLNonNull) else type_


def _strawberry_type(type_: GraphQLInputType) -> Any:
    """Return a type that Strawberry converts as it converts this one: of leaves it matters only that they are."""
    inner = _nullable(type_)
    if isinstance(inner, GraphQLList):
        return StrawberryList(_strawberry_type(inner.of_type))
    return str if is_leaf_type(inner) else inner.extensions[DEFINITION].origin
