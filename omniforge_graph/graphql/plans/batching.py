"""Fields that are resolved for many sources at once, in plans and in graphql-core alike."""

from collections import defaultdict
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Protocol, TypeAlias, TypeVar

from strawberry.dataloader import DataLoader

V = TypeVar("V")

FieldBatch: TypeAlias = Callable[..., Awaitable[Sequence[V | Exception]]]
"""`async def function(sources: Sequence[S], info, **arguments) -> Sequence[V | Exception]`: one value for each source,
in their order; an exception as a value means that the field of that source fails."""

BATCH = "omniforge_graph.plans.batch"


class WithBatches(Protocol):
    """A context whose requests collect what they batch."""

    @property
    def batches(self) -> "Batches":
        """What the request collects."""


class InfoWithBatches(Protocol):
    """A resolver's info with such a context."""

    @property
    def context(self) -> WithBatches:
        """The request's context."""


def batched(function: FieldBatch[Any]) -> Mapping[str, Any]:
    """Return the metadata of a Strawberry field that `function` resolves for many sources at once.

    A plan calls the function once for all sources of the field. For graphql-core the field's resolver is one line:
    `return await one(function, self, info, **arguments)`.
    """
    return {BATCH: function}


async def one(function: FieldBatch[V], source: Any, info: InfoWithBatches, **arguments: Any) -> V:
    """Return the field's value for one source; sources that ask at the same time share a call of the function."""
    value: V = await info.context.batches.load(function, source, info, arguments)
    return value


class Batches:
    """What one request collects for its batched fields. It keeps no value: nothing it gives is stale."""

    def __init__(self) -> None:
        self._loaders: dict[FieldBatch[Any], list[tuple[Mapping[str, Any], DataLoader[Any, Any]]]] = defaultdict(list)

    def load(
        self, function: FieldBatch[V], source: Any, info: InfoWithBatches, arguments: Mapping[str, Any]
    ) -> Awaitable[V]:
        """Return what the function gives for the source, asked together with all that is asked at the same time.

        Sources share a call if function and arguments are the same.
        """
        loaders = self._loaders[function]
        for known, loader in loaders:
            if _same(known, arguments):
                return loader.load(source)

        async def load(sources: list[Any]) -> Sequence[V | Exception]:
            return await function(sources, info, **arguments)

        added: DataLoader[Any, V] = DataLoader(load, cache=False)
        loaders.append((arguments, added))
        return added.load(source)


def _same(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    """Return whether two calls have the same arguments; in Python 1 equals True, in JSON it does not."""
    return one == other and (not one or repr(one) == repr(other))
