"""What a request leaves to be done once its answer is on the way."""

from collections.abc import Awaitable, Callable
from inspect import isawaitable
from typing import TypeAlias

from omniforge_graph.graphql.transport.masking import ErrorMask

Job: TypeAlias = Callable[[], Awaitable[None] | None]


class BackgroundQueue:
    """Jobs of one request, run in order after its response was sent; each may be a function or a coroutine function.

    A job that raises is logged and stops neither the others nor the connection.
    """

    __slots__ = ("_jobs",)

    def __init__(self) -> None:
        self._jobs: list[Job] = []

    def add(self, job: Job) -> None:
        """Run the job after the response: never before it is final, so never for an answer that nobody got."""
        self._jobs.append(job)

    def __bool__(self) -> bool:
        return bool(self._jobs)

    def drop(self) -> None:
        """Forget what was added: the execution that added it was given up."""
        self._jobs.clear()

    async def run(self, mask: ErrorMask) -> None:
        """Run and forget what was added."""
        jobs, self._jobs = self._jobs, []
        for job in jobs:
            try:
                result = job()
                if isawaitable(result):
                    await result
            except Exception as error:  # noqa: BLE001 - the client has its answer; the log has the error
                mask.hide(error, path="after the response")
