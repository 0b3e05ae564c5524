"""Fields that wait for their values: those of one selection set are collected over all its objects, then resolved."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from graphql.pyutils import gather_with_cancel

from omniforge_graph.graphql.plans.errors import StepAside

State: TypeAlias = list[Any]
"""What one run shares: its info, its variables, then for each waiting field the objects that wait for it."""


class PlanInfo:
    """What resolvers get as their info; one that needs more than the context makes the plan step aside."""

    __slots__ = ("context",)

    def __init__(self, context: Any) -> None:
        self.context = context


@dataclass(frozen=True, slots=True)
class WaitingField:
    """A field whose resolver is awaited."""

    key: str
    slot: int
    """Where in the state its objects are: each as a pair of the source and the data that lacks the field."""
    call: Callable[[Any, State], Awaitable[Any]]
    """Called with the source; with all of them if `batched`."""
    batched: bool
    complete: Callable[[Any, State], Any]


async def settle(wave: Sequence[WaitingField], state: State) -> None:
    """Resolve the fields for all objects that wait for them, at the same time, and put the values in their places.

    What is alone is awaited in this task.
    """
    jobs: list[Awaitable[None]] = []
    for field in wave:
        waiting = state[field.slot]
        if waiting and field.batched:
            jobs.append(_settle_all(field, waiting, state))
        else:
            jobs += [_settle_one(field, source, data, state) for source, data in waiting]
    if len(jobs) == 1:
        await jobs[0]
    elif jobs:
        await gather_with_cancel(*jobs)


async def _settle_one(field: WaitingField, source: Any, data: dict[str, Any], state: State) -> None:
    data[field.key] = field.complete(await field.call(source, state), state)


async def _settle_all(field: WaitingField, waiting: Sequence[tuple[Any, dict[str, Any]]], state: State) -> None:
    values = await field.call([source for source, _ in waiting], state)
    if len(values) != len(waiting):
        raise StepAside(f"The batch of {field.key} gave {len(values)} values for {len(waiting)} sources.")
    for (_, data), value in zip(waiting, values, strict=True):
        data[field.key] = field.complete(value, state)
