"""The variables of an operation, decoded from JSON once, to the values that resolvers get."""

from collections.abc import Awaitable, Callable
from functools import cached_property
from typing import Any, Final, TypeAlias

import msgspec
from graphql import GraphQLError, GraphQLNonNull, GraphQLSchema, OperationDefinitionNode, Undefined
from graphql.execution.get_variable_signature import get_variable_signature
from graphql.utilities.coerce_input_value import coerce_default_value

from omniforge_graph.graphql.plans.errors import StepAside, Unplannable
from omniforge_graph.graphql.plans.input_objects import either, struct
from omniforge_graph.graphql.plans.input_types import InputTypes
from omniforge_graph.graphql.plans.long_inputs import LongInputTypes
from omniforge_graph.turns import Turns

Raw: TypeAlias = bytes | msgspec.Raw | None
"""The JSON of a request's variables; None if there are none."""

LONG: Final = 128 * 1024
"""Bytes of variables that take a millisecond or so to read: of more than that, others have their turns."""


def is_long(raw: Raw) -> bool:
    """Return whether others are to have their turns while these variables are worked on."""
    return raw is not None and memoryview(raw).nbytes > LONG


class VariableReader:
    """Reads the variables of one operation.

    It accepts nothing that graphql-core and Strawberry refuse, and gives the values that they would give: an absent
    variable stays absent unless it has a default. What they accept and it does not (a single value for a list, a
    whole number written as 1.0) is left to them, as are all errors.
    """

    def __init__(self, schema: GraphQLSchema, operation: OperationDefinitionNode) -> None:
        self._schema = schema
        self._operation = operation
        self._decode, self._build = _compile(InputTypes.of(schema), schema, operation)

    @classmethod
    def of(cls, schema: GraphQLSchema, operation: OperationDefinitionNode) -> "VariableReader | None":
        """Return the reader of a valid operation; None if one of its variables has a type that cannot be read."""
        try:
            return cls(schema, operation)
        except (Unplannable, TypeError):  # a default that does not fit is a TypeError
            return None

    def read(self, raw: Raw) -> dict[str, Any]:
        """Return the variables by name; raises `StepAside` for what is not certainly accepted.

        The values may be shared by several fields: a resolver must not change its arguments.
        """
        try:
            decoded = self._decode(b"{}" if raw is None else raw)
            values: dict[str, Any] = self._build(self._decode(b"{}") if decoded is None else decoded)
        except Exception as error:  # whatever it is, graphql-core says it in its own words
            raise StepAside(str(error)) from error
        return values

    async def read_long(self, raw: Raw) -> dict[str, Any]:
        """Return what `read` returns, or raise what it raises, and let others on the event loop have their turns."""
        turns = Turns()
        try:
            decode, build = self._long
            await turns.give_now()
            decoded = decode(b"{}" if raw is None else raw)
            await turns.give_now()
            values: dict[str, Any] = await build(decode(b"{}") if decoded is None else decoded)
        except Exception as error:
            raise StepAside(str(error)) from error
        return values

    @cached_property
    def _long(self) -> tuple[Callable[[Any], Any], Callable[[Any], Awaitable[dict[str, Any]]]]:
        return _compile(LongInputTypes.of(self._schema), self._schema, self._operation)


def _compile(
    types: InputTypes, schema: GraphQLSchema, operation: OperationDefinitionNode
) -> tuple[Callable[[Any], Any], Callable[[Any], Any]]:
    """Return what decodes the JSON, and what builds the values from that: a coroutine function for long input."""
    members: list[Any] = []
    always, sometimes = [], []
    names, defaults = {}, {}
    for number, node in enumerate(operation.variable_definitions or ()):
        signature, attribute = get_variable_signature(schema, node), f"a{number}"
        if isinstance(signature, GraphQLError):
            raise Unplannable(signature.message)
        names[attribute] = signature.name
        reading, default = types.reading(signature.type), coerce_default_value(signature)
        value = reading.convert(attribute)
        if default is Undefined and isinstance(signature.type, GraphQLNonNull):
            members.append((attribute, reading.type))
            always.append(f"{signature.name!r}: {value}")
            continue
        members.append((attribute, either(reading.type, msgspec.UnsetType), msgspec.UNSET))
        if default is Undefined:
            sometimes.append(f"if {attribute} is not UNSET: values[{signature.name!r}] = {value}")
        else:
            defaults[f"default_{attribute}"] = types.default(default, signature.type)
            always.append(f"{signature.name!r}: default_{attribute}() if {attribute} is UNSET else {value}")
    body = [f"values = {{{', '.join(always)}}}", *sometimes, "return values"]
    build = types.compile([*(f"{each} = decoded.{each}" for each in names), *body], **defaults)
    return msgspec.json.Decoder(struct("Variables", members, names) | None).decode, build
