"""Every error this package raises on purpose, and the stable code a client may match on.

OmniForgeError
├── ValidationError               VALIDATION_FAILED          the input is wrong; `path` names the field
│   ├── TextError                 INVALID_TEXT               too long, empty, or characters a database refuses
│   ├── SharesError               INVALID_SHARES             percentages that do not make 100.00
│   └── IncompatibleTestError     INCOMPATIBLE_TEST          a statistical test that cannot judge this metric
├── NotFoundError                 NOT_FOUND
│   ├── PromptNotFoundError       PROMPT_NOT_FOUND
│   ├── VersionNotFoundError      PROMPT_VERSION_NOT_FOUND
│   ├── ExperimentNotFoundError   EXPERIMENT_NOT_FOUND
│   ├── VariantNotFoundError      VARIANT_NOT_FOUND
│   ├── MetricNotFoundError       METRIC_NOT_FOUND
│   └── UnknownPluginError        UNKNOWN_PLUGIN             no strategy or test of that name is loaded
├── ConflictError                 CONFLICT
│   ├── InvalidTransitionError    INVALID_TRANSITION         carries the current and the allowed states
│   ├── AlreadyRunningError       ALREADY_RUNNING            another experiment runs on the prompt
│   ├── AlreadyPromotedError      ALREADY_PROMOTED           a variant was promoted before
│   ├── StaleRevisionError        STALE_REVISION             somebody else changed it meanwhile
│   ├── DuplicateError            DUPLICATE                  a key that is taken
│   ├── ExperimentRunningError    EXPERIMENT_RUNNING         the prompt's version is under test right now
│   ├── ExperimentNotRunningError EXPERIMENT_NOT_RUNNING     it takes no exposures now
│   └── PurgedError               PURGED                     outcomes of that time are kept as sums only
├── ForbiddenError                FORBIDDEN                  visible to the caller, but not the caller's to change
├── RefusedByPluginError          REFUSED_BY_PLUGIN          a plugin's check refused the experiment, with reasons
├── PluginError                   PLUGIN_FAILED              a plugin raised or broke its contract
├── RateLimitedError              RATE_LIMITED               more events than can be written; carries `retry_after`
├── UnavailableError              UNAVAILABLE                the database is away or too slow; try again
│   └── SchemaError               UNAVAILABLE                it is there, with the tables of another release
└── ConfigurationError            CONFIGURATION              a setting is unknown or has a bad value
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import ClassVar, TypeAlias

from omniforge_graph.codes import ErrorCode as ErrorCode  # noqa: PLC0414 - a part of this door

Path: TypeAlias = tuple[str | int, ...]
Span: TypeAlias = tuple[datetime, datetime]
"""A time after the first moment, up to and with the second."""


class OmniForgeError(Exception):
    """The root: a sentence for people, a `code` for programs, and the `path` of the input at fault."""

    code: ClassVar[ErrorCode]

    def __init__(self, message: str, *, path: Sequence[str | int] = ()) -> None:
        super().__init__(message)
        self.message = message
        self.path: Path = tuple(path)

    @property
    def field(self) -> str | None:
        """The innermost field's name, or None when no input is at fault."""
        return next((str(step) for step in reversed(self.path) if isinstance(step, str)), None)


class ValidationError(OmniForgeError):
    """The input is wrong; `path` names the field and the message the fix."""

    code = ErrorCode.VALIDATION_FAILED


class TextError(ValidationError):
    """A text is empty, too long, or holds characters that a database refuses."""

    code = ErrorCode.INVALID_TEXT


class SharesError(ValidationError):
    """Traffic percentages are out of range, too fine, or do not sum to exactly 100."""

    code = ErrorCode.INVALID_SHARES


class IncompatibleTestError(ValidationError):
    """The chosen statistical test cannot judge a metric of this kind."""

    code = ErrorCode.INCOMPATIBLE_TEST


class NotFoundError(OmniForgeError):
    """What the id or key names does not exist, or is not the caller's to see."""

    code = ErrorCode.NOT_FOUND


class PromptNotFoundError(NotFoundError):
    """No such prompt."""

    code = ErrorCode.PROMPT_NOT_FOUND


class VersionNotFoundError(NotFoundError):
    """No such prompt version, or it belongs to another prompt."""

    code = ErrorCode.PROMPT_VERSION_NOT_FOUND


class ExperimentNotFoundError(NotFoundError):
    """No such experiment."""

    code = ErrorCode.EXPERIMENT_NOT_FOUND


class VariantNotFoundError(NotFoundError):
    """The experiment has no such variant."""

    code = ErrorCode.VARIANT_NOT_FOUND


class MetricNotFoundError(NotFoundError):
    """Nobody declared this metric."""

    code = ErrorCode.METRIC_NOT_FOUND


class UnknownPluginError(NotFoundError):
    """No allocation strategy or statistical test of that name is loaded."""

    code = ErrorCode.UNKNOWN_PLUGIN


class ConflictError(OmniForgeError):
    """The request is well formed, but the present state forbids it."""

    code = ErrorCode.CONFLICT


class InvalidTransitionError(ConflictError):
    """The experiment's status does not allow this step; `current` and `allowed` say what would."""

    code = ErrorCode.INVALID_TRANSITION

    def __init__(self, message: str, *, current: str, allowed: Sequence[str]) -> None:
        super().__init__(message, path=("experimentId",))
        self.current = current
        self.allowed = tuple(allowed)


class AlreadyRunningError(ConflictError):
    """Another experiment is RUNNING on the same prompt; `experiment_id` names it when it is known."""

    code = ErrorCode.ALREADY_RUNNING

    def __init__(self, message: str, *, experiment_id: str | None = None) -> None:
        super().__init__(message, path=("experimentId",))
        self.experiment_id = experiment_id


class AlreadyPromotedError(ConflictError):
    """A variant of this experiment was promoted before; `variant_id` names it."""

    code = ErrorCode.ALREADY_PROMOTED

    def __init__(self, message: str, *, variant_id: str) -> None:
        super().__init__(message, path=("variantId",))
        self.variant_id = variant_id


class StaleRevisionError(ConflictError):
    """The entity has changed since the caller read it."""

    code = ErrorCode.STALE_REVISION

    def __init__(self, message: str, *, expected: int, actual: int | None) -> None:
        super().__init__(message, path=("expectedRevision",))
        self.expected = expected
        self.actual = actual


class DuplicateError(ConflictError):
    """A key that must be unique is taken."""

    code = ErrorCode.DUPLICATE


class ExperimentRunningError(ConflictError):
    """The prompt's current version may not change by hand while `experiment_id` runs on it."""

    code = ErrorCode.EXPERIMENT_RUNNING

    def __init__(self, message: str, *, experiment_id: str | None) -> None:
        super().__init__(message, path=("promptVersionId",))
        self.experiment_id = experiment_id


class ExperimentNotRunningError(ConflictError):
    """The experiment takes no exposures: it has not started, is paused, or has ended."""

    code = ErrorCode.EXPERIMENT_NOT_RUNNING


class PurgedError(ConflictError):
    """Outcomes of that time are kept as sums only, and some of a sum would count and some not.

    `refused` names the exposures at fault, as (experiment id, unit id), with the times that no exposure of that unit
    can have any more. Nothing was recorded; the others of their batch may be recorded without them.
    """

    code = ErrorCode.PURGED

    def __init__(
        self, message: str, *, refused: Mapping[tuple[str, str], Sequence[Span]] | None = None, path: Path = ()
    ) -> None:
        super().__init__(message, path=path)
        self._refused = refused or {}  # for the services: no caller is told

    @property
    def refused(self) -> Mapping[tuple[str, str], Sequence[Span]]:
        """The exposures at fault."""
        return self._refused

    def refuses(self, experiment_id: str, unit_id: str, occurred_at: datetime) -> bool:
        """Whether an exposure of that time is at fault, too."""
        return any(first < occurred_at <= last for first, last in self.refused.get((experiment_id, unit_id), ()))


class ForbiddenError(OmniForgeError):
    """The caller may see it, but it belongs to another tenant or to all of them."""

    code = ErrorCode.FORBIDDEN


class RefusedByPluginError(OmniForgeError):
    """A plugin's check refused the experiment; `reasons` are its own words."""

    code = ErrorCode.REFUSED_BY_PLUGIN

    def __init__(self, message: str, *, reasons: Sequence[str]) -> None:
        super().__init__(message)
        self.reasons = tuple(reasons)


class PluginError(OmniForgeError):
    """A plugin raised, or broke the contract of its interface; `plugin` names it."""

    code = ErrorCode.PLUGIN_FAILED

    def __init__(self, message: str, *, plugin: str) -> None:
        super().__init__(message)
        self.plugin = plugin


class RateLimitedError(OmniForgeError):
    """More arrives than can be written. Nothing was changed; try again after `retry_after` seconds."""

    code = ErrorCode.RATE_LIMITED

    def __init__(self, message: str, *, retry_after: int, path: Path = ()) -> None:
        super().__init__(message, path=path)
        self.retry_after = retry_after


class UnavailableError(OmniForgeError):
    """The database is away or too slow. Nothing was changed; the same request may be tried again."""

    code = ErrorCode.UNAVAILABLE


class SchemaError(UnavailableError):
    """The database answers, but its tables are those of an older or newer release."""


class ConfigurationError(OmniForgeError):
    """A setting is unknown or has a bad value; `path` names it."""

    code = ErrorCode.CONFIGURATION
