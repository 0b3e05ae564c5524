"""The stable codes of errors, each with a sentence for people."""

from collections.abc import Mapping
from enum import StrEnum


class ErrorCode(StrEnum):
    """A stable code for each kind of error; clients may match on it."""

    VALIDATION_FAILED = "VALIDATION_FAILED"
    INVALID_TEXT = "INVALID_TEXT"
    INVALID_SHARES = "INVALID_SHARES"
    INCOMPATIBLE_TEST = "INCOMPATIBLE_TEST"
    NOT_FOUND = "NOT_FOUND"
    PROMPT_NOT_FOUND = "PROMPT_NOT_FOUND"
    PROMPT_VERSION_NOT_FOUND = "PROMPT_VERSION_NOT_FOUND"
    EXPERIMENT_NOT_FOUND = "EXPERIMENT_NOT_FOUND"
    VARIANT_NOT_FOUND = "VARIANT_NOT_FOUND"
    METRIC_NOT_FOUND = "METRIC_NOT_FOUND"
    UNKNOWN_PLUGIN = "UNKNOWN_PLUGIN"
    CONFLICT = "CONFLICT"
    INVALID_TRANSITION = "INVALID_TRANSITION"
    ALREADY_RUNNING = "ALREADY_RUNNING"
    ALREADY_PROMOTED = "ALREADY_PROMOTED"
    STALE_REVISION = "STALE_REVISION"
    DUPLICATE = "DUPLICATE"
    EXPERIMENT_RUNNING = "EXPERIMENT_RUNNING"
    EXPERIMENT_NOT_RUNNING = "EXPERIMENT_NOT_RUNNING"
    PURGED = "PURGED"
    FORBIDDEN = "FORBIDDEN"
    REFUSED_BY_PLUGIN = "REFUSED_BY_PLUGIN"
    PLUGIN_FAILED = "PLUGIN_FAILED"
    RATE_LIMITED = "RATE_LIMITED"
    UNAVAILABLE = "UNAVAILABLE"
    CONFIGURATION = "CONFIGURATION"

    @property
    def meaning(self) -> str:
        """One sentence for people."""
        return _MEANINGS[self]


_MEANINGS: Mapping[ErrorCode, str] = {
    ErrorCode.VALIDATION_FAILED: "The input is wrong; the path names the field.",
    ErrorCode.INVALID_TEXT: "A text is empty, too long, or holds characters that cannot be stored.",
    ErrorCode.INVALID_SHARES: "Traffic percentages are out of range, too fine, or do not sum to exactly 100.",
    ErrorCode.INCOMPATIBLE_TEST: "The statistical test cannot judge a metric of this kind.",
    ErrorCode.NOT_FOUND: "What the input names does not exist.",
    ErrorCode.PROMPT_NOT_FOUND: "There is no such prompt for this caller.",
    ErrorCode.PROMPT_VERSION_NOT_FOUND: "The prompt has no such version.",
    ErrorCode.EXPERIMENT_NOT_FOUND: "There is no such experiment for this caller.",
    ErrorCode.VARIANT_NOT_FOUND: "The experiment has no such variant.",
    ErrorCode.METRIC_NOT_FOUND: "Nobody declared this metric.",
    ErrorCode.UNKNOWN_PLUGIN: "No allocation strategy or statistical test of that name is loaded.",
    ErrorCode.CONFLICT: "The present state forbids it.",
    ErrorCode.INVALID_TRANSITION: "The experiment's status does not allow this step.",
    ErrorCode.ALREADY_RUNNING: "Another experiment is RUNNING on the prompt.",
    ErrorCode.ALREADY_PROMOTED: "A variant of the experiment was promoted before.",
    ErrorCode.STALE_REVISION: "It has changed since it was read.",
    ErrorCode.DUPLICATE: "A key that must be unique is taken.",
    ErrorCode.EXPERIMENT_RUNNING: "The prompt's current version may not change by hand while an experiment runs.",
    ErrorCode.EXPERIMENT_NOT_RUNNING: "The experiment takes no exposures now.",
    ErrorCode.PURGED: "Outcomes of that time are kept as sums only: it can no longer be told which of them count.",
    ErrorCode.FORBIDDEN: "Visible to the caller, but not the caller's to change.",
    ErrorCode.REFUSED_BY_PLUGIN: "A plugin's check refused the experiment.",
    ErrorCode.PLUGIN_FAILED: "A plugin raised or broke its contract.",
    ErrorCode.RATE_LIMITED: "More events arrive than can be written; try again after `retryAfter` seconds.",
    ErrorCode.UNAVAILABLE: "The database is away or too slow; try again.",
    ErrorCode.CONFIGURATION: "A setting is unknown or has a bad value.",
}
