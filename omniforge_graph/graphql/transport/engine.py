"""Executes GraphQL operations: limits before, time limit during, masking after."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterable, Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import aclosing
from inspect import isawaitable
from time import perf_counter
from typing import Any, Protocol, TypeAlias

import msgspec
from graphql import ExecutionResult, GraphQLError, GraphQLSchema
from graphql.execution import (
    Executor,
    create_source_event_stream,
    execute_root_selection_set,
    execute_subscription_event,
    map_source_to_response_event,
)
from graphql.pyutils import AwaitableOrValue

from omniforge_graph.errors import ForbiddenError, OmniForgeError, RateLimitedError, UnavailableError
from omniforge_graph.graphql.plans import Plan, StepAside, is_long
from omniforge_graph.graphql.transport.background import BackgroundQueue
from omniforge_graph.graphql.transport.codes import Code
from omniforge_graph.graphql.transport.documents import DocumentCache, Operation, Refusal
from omniforge_graph.graphql.transport.limits import Limits
from omniforge_graph.graphql.transport.masking import ErrorMask, root_cause
from omniforge_graph.graphql.transport.planning import Planner
from omniforge_graph.graphql.transport.request import ProtocolError, Request, read_variables
from omniforge_graph.graphql.transport.response import Response, client_error
from omniforge_graph.graphql.transport.stepping import Waiting, at_once, in_time

MAX_COERCION_ERRORS = 20


class OutOfTimeError(GraphQLError):
    """The request took longer than the server allows."""

    def __init__(self, seconds: float) -> None:
        super().__init__(
            f"The request took longer than {seconds:g} s and was given up; "
            "a mutation may or may not have been carried out.",
            extensions={"code": Code.TIMEOUT},
        )


STATUSES: Mapping[type[Exception], int] = {
    ForbiddenError: 403,
    RateLimitedError: 429,
    UnavailableError: 503,
    OutOfTimeError: 503,
    OmniForgeError: 400,
}
"""The HTTP status of what fails outside of any resolver, by the first class that fits; anything else is 500."""


class StrawberrySchema(Protocol):
    """A `strawberry.Schema`, which carries the graphql-core schema it was built into."""

    _schema: GraphQLSchema


Contexts: TypeAlias = Callable[[], Any]
"""Makes a fresh context. Each event of a subscription has its own, so that no loader serves stale rows."""


class Engine:
    """One schema, ready to execute. Resolvers of Strawberry run unchanged; its own pipeline is not used."""

    def __init__(
        self,
        schema: StrawberrySchema | GraphQLSchema,
        limits: Limits | None = None,
        mask: ErrorMask | None = None,
        *,
        timeout: float = 10.0,
        hide_suggestions: bool = False,
        plans: bool = True,
        plan_after: int = 2,
    ) -> None:
        self._owner = schema  # a Strawberry schema is known to its graphql-core schema by a weak reference only
        self._schema = schema if isinstance(schema, GraphQLSchema) else schema._schema  # noqa: SLF001
        self._documents = DocumentCache(self._schema, limits, hide_suggestions=hide_suggestions)
        self._mask = mask or ErrorMask()
        self._timeout = timeout
        self._hide_suggestions = hide_suggestions
        self._planner = Planner(self._schema, after=plan_after) if plans else None
        self._aside = ThreadPoolExecutor(1, "long-variables")  # one: each more would wait for Python's lock with us

    def prepare(self, request: Request) -> Operation | Response:
        """Return the operation that the request names, within all limits, or the response that says why not.

        Raises:
            ProtocolError: the variables had to be looked at, and are no JSON object.
        """
        operation = self._documents.prepare(request.query, request.operation_name, request.variables)
        if isinstance(operation, Refusal):
            return Response(errors=operation.errors, executed=False, status=400)
        return operation

    async def execute(
        self,
        operation: Operation,
        variables: msgspec.Raw,
        contexts: Contexts,
        background: BackgroundQueue | None = None,
        *,
        spent: float | None = None,
    ) -> Response:
        """Execute a query or a mutation by its plan, else by graphql-core; both together have the time of one.

        Whatever happens is in the response. `background` is the queue of the contexts, if they have one: what an
        execution by plan added is dropped when it is given up. `spent` are the seconds after which the plan has stepped
        aside already; None if it was not asked.

        Raises:
            ProtocolError: the variables are no JSON object.
        """
        planning = operation.planning
        if not planning.settled and self._planner is not None:
            # Without a plan, long variables take a hundred times as long as it takes to make one.
            self._planner.consider(planning, operation.document, operation.node, at_once=is_long(variables))
        if planning.plan is not None and spent is None:
            began = perf_counter()
            try:
                result: Any = await in_time(planning.plan.run(contexts(), variables), self._timeout, self._late)
            except StepAside:
                spent = perf_counter() - began
            except Exception as error:  # noqa: BLE001 - whatever it is, the client gets a response
                return self.failed(error, operation.name)
            else:
                if isinstance(result, ExecutionResult):
                    return self._respond(result, operation, planned=True)
                return Response(result, planned=True)
        if background:
            background.drop()
        try:
            context = contexts()  # before the variables, as with a plan: of two faults the same is told
        except Exception as error:  # noqa: BLE001 - whatever it is, the client gets a response
            return self.failed(error, operation.name)
        return await self._execute(operation, variables, context, self._timeout - (spent or 0.0))

    def query(
        self, operation: Operation, plan: Plan, variables: msgspec.Raw, context: Any
    ) -> Response | Waiting[Response | None] | None:
        """Execute a query by its plan; None if that steps aside.

        What waits is returned as such: nothing else here takes a coroutine.
        """
        try:
            data = at_once(plan.run(context, variables), self._timeout, self._late)
        except StepAside:
            return None
        except Exception as error:  # noqa: BLE001 - whatever it is, the client gets a response
            return self.failed(error, operation.name)
        if isinstance(data, Waiting):
            return Waiting(self._queried(data, operation))
        return Response(data, (), True, 200, None, True)

    async def _queried(self, data: Waiting[Any], operation: Operation) -> Response | None:
        try:
            return Response(await data.rest, planned=True)
        except StepAside:
            return None
        except Exception as error:  # noqa: BLE001 - whatever it is, the client gets a response
            return self.failed(error, operation.name)

    async def _execute(self, operation: Operation, variables: msgspec.Raw, context: Any, seconds: float) -> Response:
        began = perf_counter()
        try:
            executor = await in_time(self._build(operation, variables, context), seconds, self._late)
            if isinstance(executor, Response):
                return executor
            result = execute_root_selection_set(executor)
            if not isinstance(result, ExecutionResult):
                result = await in_time(result, seconds - (perf_counter() - began), self._late)
        except ProtocolError:
            raise
        except Exception as error:  # noqa: BLE001 - whatever it is, the client gets a response
            return self.failed(error, operation.name)
        return self._respond(result, operation)

    async def subscribe(
        self, operation: Operation, variables: msgspec.Raw, contexts: Contexts
    ) -> AsyncGenerator[Response, None]:
        """Yield one response for each event; close the generator to unsubscribe.

        A subscription that cannot start, or whose source fails, yields one response that was not executed, and ends.
        """
        started = await self._start(operation, variables, contexts)
        if isinstance(started, Response):
            yield started
            return

        def execute_event(event: Executor[Any]) -> AwaitableOrValue[ExecutionResult]:
            event.context_value = contexts()
            return execute_subscription_event(event)

        executor, source = started
        async with aclosing(map_source_to_response_event(executor, source, execute_event)) as results:
            try:
                async for result in results:
                    yield self._respond(result, operation)
            except Exception as error:  # noqa: BLE001 - raised by the source itself, between two events
                yield self.failed(error, operation.name)

    async def _start(
        self, operation: Operation, variables: msgspec.Raw, contexts: Contexts
    ) -> tuple[Executor[Any], AsyncIterable[Any]] | Response:
        try:
            executor = await in_time(self._build(operation, variables, contexts()), self._timeout, self._late)
            if isinstance(executor, Response):
                return executor
            source = create_source_event_stream(executor)
            if isawaitable(source):
                source = await in_time(source, self._timeout, self._late)
        except ProtocolError:
            raise
        except Exception as error:  # noqa: BLE001 - whatever it is, the client gets a response
            return self.failed(error, operation.name)
        if isinstance(source, ExecutionResult):
            return Response(errors=self._mask.present(source.errors or (), operation.name), executed=False, status=400)
        return executor, source

    def failed(self, error: Exception, operation: str | None = None) -> Response:
        """Return the response to what failed outside of any resolver: an error of ours, or a masked one."""
        errors = self._mask.present([GraphQLError(str(error), original_error=error)], operation)
        status = next((code for kind, code in STATUSES.items() if isinstance(error, kind)), 500)
        return Response(errors=errors, executed=False, status=status)

    def _late(self) -> Exception:
        return OutOfTimeError(self._timeout)

    async def _build(self, operation: Operation, variables: msgspec.Raw, context: Any) -> Executor[Any] | Response:
        """Return what executes the operation, or what is wrong with its variables; raises `ProtocolError`.

        To check long variables takes many milliseconds, so others have their turns while a thread does it.
        """
        if not is_long(variables):
            return self._build_at_once(operation, variables, context)
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._aside, self._build_at_once, operation, variables, context)

    def _build_at_once(self, operation: Operation, variables: msgspec.Raw, context: Any) -> Executor[Any] | Response:
        values = read_variables(variables)
        built = Executor.build(
            self._schema,
            operation.document,
            context_value=context,
            raw_variable_values=values,
            operation_name=operation.name,
            max_coercion_errors=MAX_COERCION_ERRORS,
            hide_suggestions=self._hide_suggestions,
        )
        if isinstance(built, Executor):
            return built
        errors = tuple(client_error(Code.BAD_USER_INPUT, error.message, locations=error.locations) for error in built)
        return Response(errors=errors, executed=False, status=400)

    def _respond(self, result: ExecutionResult, operation: Operation, *, planned: bool = False) -> Response:
        if not result.errors:
            return Response(data=result.data, planned=planned)
        waits = [
            cause.retry_after for error in result.errors if isinstance(cause := root_cause(error), RateLimitedError)
        ]
        return Response(
            data=result.data,
            errors=self._mask.present(result.errors, operation.name),
            status=429 if waits else 200,
            retry_after=max(waits, default=None),
            planned=planned,
        )
