"""Plans of mutations: resolvers run once, one after the other; whatever comes of them is answered."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Final

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
from omniforge_graph.graphql.plans.errors import Unplannable
from omniforge_graph.graphql.plans.fields import Call
from omniforge_graph.graphql.plans.root_fields import Once, RootFields
from omniforge_graph.graphql.plans.shapes import Field, Leaf
from omniforge_graph.graphql.plans.stable import Renderings
from omniforge_graph.graphql.plans.variables import Raw, VariableReader, is_long
from omniforge_graph.graphql.plans.writing import Main, write
from omniforge_graph.turns import Turns

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


@dataclass(frozen=True, slots=True, eq=False)
class Step:
    """One field of a mutation."""

    key: str
    call: Call
    complete: Main
    """From what the resolver returned to the data of the answer, which has this field alone."""


class MutationPlan:
    """The plan of one mutation. It steps aside only before anything has run; after that it answers with the errors."""

    __slots__ = ("_fields", "_prepare", "_reader", "_steps")

    def __init__(self, reader: VariableReader, fields: RootFields, prepare: Main, steps: Sequence[Step]) -> None:
        self._reader = reader
        self._fields = fields
        self._prepare = prepare
        self._steps = steps

    async def run(self, context: Any, variables: Raw) -> ExecutionResult:
        """Run each field once, one after the other, and return data and located errors as graphql-core would.

        The data may hold `msgspec.Raw` for what was rendered before. Others on the event loop have their turns while
        long variables are read. Raises `StepAside`, before any resolver is called, for variables that do not fit.

        Args:
            context: what the resolvers get as their info's context.
            variables: the JSON of the request's variables; None if there are none.
        """
        values = await self._reader.read_long(variables) if is_long(variables) else self._reader.read(variables)
        arguments = await self._prepare(context, values)
        resolvers = {
            step.key: Once(partial(self._resolve, step, arguments[step.key], context, variables))
            for step in self._steps
        }
        data: dict[str, Any] = {}
        with suppress(Exception):  # whatever it is, graphql-core makes the answer of it
            for step in self._steps:
                data |= await step.complete(await resolvers[step.key].outcome(), {})
            return ExecutionResult(data)
        # Outside of any handler: what it logs must not begin with our own signal.
        return await self._fields.answer(context, values, resolvers)

    async def _resolve(
        self, step: Step, arguments: tuple[Sequence[Any], dict[str, Any]], context: Any, variables: Raw
    ) -> Any:
        positional, named = arguments
        if step.call.info_name:
            named[step.call.info_name] = self._fields.info(step.key, context, variables)
        value = step.call.function(*positional, **named)
        if is_awaitable(value):
            value = await value
        if is_long(variables):  # the answer may be as long
            await Turns().give_now()
        return value


def compile_mutation(
    schema: GraphQLSchema,
    document: DocumentNode,
    operation: OperationDefinitionNode,
    renderings: Renderings | None = None,
) -> MutationPlan | None:
    """Return the plan of a valid mutation of a Strawberry schema.

    None if it has a condition with variables, or anything but attributes below its fields.
    """
    reader = VariableReader.of(schema, operation)
    if operation.operation is not OperationType.MUTATION or reader is None:
        return None
    try:
        if find_conditions(operation, fragments_of(document)):
            return None
        root = read_operation(schema, document, operation, {})

        def write_fields(fields: Mapping[str, Field]) -> Main:
            return write(schema, replace(root, fields=fields), renderings or Renderings())

        prepared: dict[str, Field] = {}
        steps: list[Step] = []
        for key, field in root.fields.items():
            call = field.access
            if not isinstance(call, Call) or not field.shape.pure:
                return None
            gather = replace(call, function=_gather, info_name=None, waits=False, batch=None)
            prepared[key] = Field(gather, GATHERED)
            steps.append(Step(key, call, write_fields({key: Field(RETURNED, field.shape)})))
        return MutationPlan(reader, RootFields(schema, document, operation), write_fields(prepared), steps)
    except (Unplannable, RecursionError):
        return None
