"""Plans of mutations: one field, whose resolver runs once; whatever comes of it is answered."""

import asyncio
from contextlib import suppress
from dataclasses import replace
from typing import Any, Final

import msgspec
from graphql import (
    DocumentNode,
    ExecutionResult,
    GraphQLScalarType,
    GraphQLSchema,
    OperationDefinitionNode,
    OperationType,
)
from graphql.pyutils import is_awaitable

from omniforge_graph.graphql.plans.collecting import read_operation
from omniforge_graph.graphql.plans.conditions import find_conditions, fragments_of
from omniforge_graph.graphql.plans.errors import StepAside, Unplannable
from omniforge_graph.graphql.plans.fields import Call
from omniforge_graph.graphql.plans.root_field import Raised, Returned, RootField
from omniforge_graph.graphql.plans.shapes import Field, Leaf, Shape
from omniforge_graph.graphql.plans.stable import Renderings
from omniforge_graph.graphql.plans.variables import VariableReader
from omniforge_graph.graphql.plans.writing import Main, write

LARGE: Final = 128 * 1024
"""Bytes of variables that take so long to read that others get a turn before the resolver begins."""

GATHERED: Final = Leaf(GraphQLScalarType("Call"), nullable=False)
"""What a call that is yet to be made will be made with, given on as it is."""

RETURNED: Final = Call(
    lambda info: info.context,
    takes_source=False,
    source_names=(),
    info_name="info",
    arguments={},
    waits=False,
    batch=None,
)
"""In the place of a call that has been made: it gives what that returned, which is all the context there is."""


def _gather(*positional: Any, **named: Any) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """In the place of a call that is yet to be made: it gives what that will be made with."""
    return positional, named


class MutationPlan:
    """The plan of one mutation. It steps aside only before anything has run; after that it answers with the errors."""

    __slots__ = ("_call", "_complete", "_field", "_prepare", "_reader")

    def __init__(self, reader: VariableReader, field: RootField, call: Call, prepare: Main, complete: Main) -> None:
        self._reader = reader
        self._field = field
        self._call = call
        self._prepare = prepare
        self._complete = complete

    async def run(self, context: Any, variables: bytes | msgspec.Raw | None) -> ExecutionResult:
        """Run the mutation once and return its result: data and located errors as graphql-core would give them.

        The data may hold `msgspec.Raw` for what was rendered before. Raises `StepAside`, before the resolver is called,
        for variables that do not fit.

        Args:
            context: what the resolver gets as its info's context.
            variables: the JSON of the request's variables; None if there are none.
        """
        values = self._reader.read(variables)
        positional, named = (await self._prepare(context, values))[self._field.key]
        if self._call.info_name:
            named[self._call.info_name] = self._field.info(context, variables)
        is_large = variables is not None and memoryview(variables).nbytes > LARGE
        if is_large:
            await asyncio.sleep(0)
        outcome: Raised | Returned
        try:
            value = self._call.function(*positional, **named)
            if is_awaitable(value):
                value = await value
            if is_large:  # its answer may be as long
                await asyncio.sleep(0)
            outcome = Returned(value)
        except Exception as error:  # noqa: BLE001 - whatever it is, it is in the answer
            outcome = Raised(error)
        else:
            with suppress(StepAside):
                return ExecutionResult(await self._complete(value, {}))
        # Outside of any handler: what it logs must not begin with our own signal.
        return await self._field.answer(context, values, outcome)


def compile_mutation(
    schema: GraphQLSchema,
    document: DocumentNode,
    operation: OperationDefinitionNode,
    renderings: Renderings | None = None,
) -> MutationPlan | None:
    """Return the plan of a valid mutation of a Strawberry schema.

    None unless it has one field, no condition with variables, and below the field nothing but attributes.
    """
    reader = VariableReader.of(schema, operation)
    if operation.operation is not OperationType.MUTATION or reader is None:
        return None
    try:
        if find_conditions(operation, fragments_of(document)):
            return None
        root_field = RootField(schema, document, operation)
        root = read_operation(schema, document, operation, {})
        [field] = root.fields.values()
        call = field.access
        if not isinstance(call, Call) or not field.shape.pure:
            return None

        def write_with(called: Call, shape: Shape) -> Main:
            return write(
                schema, replace(root, fields={root_field.key: Field(called, shape)}), renderings or Renderings()
            )

        prepare = write_with(replace(call, function=_gather, info_name=None, waits=False, batch=None), GATHERED)
        complete = write_with(RETURNED, field.shape)
    except (Unplannable, RecursionError):
        return None
    return MutationPlan(reader, root_field, call, prepare, complete)
