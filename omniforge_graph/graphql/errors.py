"""Expected failures as data: each kind of error that a caller can mend becomes a typed `UserError`."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, TypeVar

import strawberry

from omniforge_graph import errors
from omniforge_graph.errors import OmniForgeError
from omniforge_graph.graphql.enums import ErrorCode, ExperimentStatus

T = TypeVar("T")


@strawberry.interface(description="Something the caller can mend. Match on the type or on the code.")
class UserError:
    """Something the caller can mend."""

    code: ErrorCode = strawberry.field(description="A stable code.")
    message: str = strawberry.field(description="What is wrong and how to mend it, for people.")
    path: list[str] = strawberry.field(description="The way to the input at fault, such as input, variants, 0, name.")


@strawberry.type(description="The input is wrong.")
class InvalidInputError(UserError):
    """The input is wrong."""


@strawberry.type(description="What the input names does not exist, or is not the caller's to see.")
class NotFoundError(UserError):
    """What the input names does not exist."""


@strawberry.type(description="It is visible to the caller, but not the caller's to change.")
class ForbiddenError(UserError):
    """Not the caller's to change."""


@strawberry.type(description="The present state forbids it.")
class ConflictError(UserError):
    """The present state forbids it."""

    experiment_id: strawberry.ID | None = strawberry.field(
        description="The experiment in the way, where there is one that the caller may see.", default=None
    )


@strawberry.type(description="The experiment's status does not allow this step.")
class InvalidTransitionError(UserError):
    """The experiment's status does not allow this step."""

    current: ExperimentStatus = strawberry.field(description="The status it has.")
    allowed: list[ExperimentStatus] = strawberry.field(description="The statuses from which the step is allowed.")


@strawberry.type(description="It has changed since it was read: read it again and decide anew.")
class StaleRevisionError(UserError):
    """It has changed since it was read."""

    expected: int = strawberry.field(description="The revision the caller expected.")
    actual: int | None = strawberry.field(description="The revision it has; null if that is not known.")


@strawberry.type(description="A plugin's check refused the experiment.")
class RefusedByPluginError(UserError):
    """A plugin's check refused the experiment."""

    reasons: list[str] = strawberry.field(description="The plugin's own words.")


USER_ERRORS = (
    InvalidInputError,
    NotFoundError,
    ForbiddenError,
    ConflictError,
    InvalidTransitionError,
    StaleRevisionError,
    RefusedByPluginError,
)


def to_user_error(problem: OmniForgeError) -> UserError | None:
    """Return the error as data, or None if the caller cannot mend it (it belongs to the top-level errors then)."""
    shared: dict[str, Any] = {
        "code": ErrorCode(problem.code),
        "message": problem.message,
        "path": ["input", *map(str, problem.path)],
    }
    match problem:
        case errors.InvalidTransitionError():
            allowed = [ExperimentStatus(status) for status in problem.allowed]
            return InvalidTransitionError(current=ExperimentStatus(problem.current), allowed=allowed, **shared)
        case errors.StaleRevisionError():
            return StaleRevisionError(expected=problem.expected, actual=problem.actual, **shared)
        case errors.ConflictError():
            in_the_way = getattr(problem, "experiment_id", None)
            return ConflictError(experiment_id=strawberry.ID(in_the_way) if in_the_way else None, **shared)
        case errors.RefusedByPluginError():
            return RefusedByPluginError(reasons=list(problem.reasons), **shared)
    return next((shape(**shared) for kind, shape in _PLAIN.items() if isinstance(problem, kind)), None)


_PLAIN: Mapping[type[OmniForgeError], type[UserError]] = {
    errors.ValidationError: InvalidInputError,
    errors.NotFoundError: NotFoundError,
    errors.ForbiddenError: ForbiddenError,
}


async def attempt(use_case: Callable[[], Awaitable[T]]) -> tuple[T | None, list[UserError]]:
    """Run a use case that changes something; return its value, or None and the error that the caller can mend."""
    try:
        value = await use_case()
    except OmniForgeError as problem:
        error = to_user_error(problem)
        if error is None:
            raise
        return None, [error]
    return value, []
