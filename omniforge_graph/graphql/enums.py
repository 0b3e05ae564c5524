"""The domain's enumerations, described for clients. They are the same objects: nothing to translate."""

from collections.abc import Mapping
from enum import StrEnum

import strawberry
from strawberry.types.enum import StrawberryEnumDefinition

from omniforge_graph.domain.analysis import Verdict
from omniforge_graph.domain.bucketing import HashAlgorithm
from omniforge_graph.domain.change import Subject
from omniforge_graph.domain.experiment import ExperimentStatus
from omniforge_graph.domain.metric import Aggregation, Direction, MetricKind
from omniforge_graph.domain.selection import SelectionReason
from omniforge_graph.errors import ErrorCode
from omniforge_graph.plugin.offers import OfferKind
from omniforge_graph.plugin.registry import PluginStatus

__all__ = [
    "Aggregation",
    "Direction",
    "ErrorCode",
    "ExperimentStatus",
    "HashAlgorithm",
    "MetricKind",
    "OfferKind",
    "PluginStatus",
    "SelectionReason",
    "Subject",
    "Verdict",
]


def _describe(enum: type[StrEnum], description: str, values: Mapping[StrEnum, str]) -> None:
    strawberry.enum(enum, description=description)
    definition = enum.__strawberry_definition__  # type: ignore[attr-defined]
    assert isinstance(definition, StrawberryEnumDefinition)
    for value in definition.values:
        value.description = values[enum[value.name]]


_describe(ErrorCode, "A stable code for each kind of error.", {code: code.meaning for code in ErrorCode})
_describe(
    ExperimentStatus,
    "DRAFT → RUNNING ⇄ PAUSED → COMPLETED; CANCELLED from any but COMPLETED.",
    {
        ExperimentStatus.DRAFT: "Created, not started yet.",
        ExperimentStatus.RUNNING: "Takes traffic. One experiment runs per prompt at a time.",
        ExperimentStatus.PAUSED: "Takes no traffic; may be started again.",
        ExperimentStatus.COMPLETED: "Ended, with its results kept.",
        ExperimentStatus.CANCELLED: "Given up.",
    },
)
_describe(
    MetricKind,
    "What the values of a metric are.",
    {
        MetricKind.BINARY: "0 or 1: it happened or not.",
        MetricKind.CONTINUOUS: "Any number: a rating, a cost, a duration, a judge's score.",
        MetricKind.COUNT: "Whole numbers from 0 up.",
    },
)
_describe(
    Direction,
    "Whether a larger value is good news.",
    {
        Direction.HIGHER_IS_BETTER: "More is better.",
        Direction.LOWER_IS_BETTER: "Less is better, as with cost and latency.",
    },
)
_describe(
    Aggregation,
    "How the outcomes of one unit become its single value.",
    {
        Aggregation.ANY: "1 if any outcome is 1, else 0.",
        Aggregation.SUM: "The total; 0 for a unit without outcomes.",
        Aggregation.MEAN: "The mean; a unit without outcomes is left out of the metric.",
    },
)
_describe(
    HashAlgorithm,
    "The hash that places units on the line.",
    {
        HashAlgorithm.XXH3_64: "XXH3, 64 bits: the fastest.",
        HashAlgorithm.SHA_256: "SHA-256, its first 64 bits: available in every language.",
    },
)
_describe(
    SelectionReason,
    "Why a version was selected.",
    {
        SelectionReason.EXPERIMENT: "A running experiment assigned it to the unit.",
        SelectionReason.CURRENT_VERSION: "No experiment runs for this prompt and tenant; it is the current version.",
    },
)
_describe(
    Verdict,
    "What to do.",
    {
        Verdict.SHIP: "A treatment is better: promote it.",
        Verdict.KEEP_CONTROL: "Every treatment is worse: keep the control.",
        Verdict.CONTINUE: "Too early to tell: let it run.",
        Verdict.INCONCLUSIVE: "Enough units, and no difference worth the name was found.",
        Verdict.INVALID: "The data must not be used for a decision.",
    },
)
_describe(
    Subject,
    "What a change is about.",
    {
        Subject.PROMPT_CREATED: "A prompt was created.",
        Subject.CURRENT_VERSION_SET: "A prompt's current version was set by hand.",
        Subject.EXPERIMENT_CREATED: "An experiment was created.",
        Subject.EXPERIMENT_STARTED: "An experiment was started.",
        Subject.EXPERIMENT_STOPPED: "An experiment was paused.",
        Subject.EXPERIMENT_COMPLETED: "An experiment was completed.",
        Subject.EXPERIMENT_CANCELLED: "An experiment was cancelled.",
        Subject.VARIANT_PROMOTED: "A variant was promoted and its experiment completed.",
    },
)
_describe(
    PluginStatus,
    "What became of a plugin when the server started.",
    {
        PluginStatus.LOADED: "It is in use.",
        PluginStatus.DISABLED: "It was disabled by the configuration.",
        PluginStatus.FAILED: "It could not be loaded; its error says why.",
    },
)
_describe(
    OfferKind,
    "What a plugin offers.",
    {
        OfferKind.ALLOCATION_STRATEGY: "A way to split traffic.",
        OfferKind.STATISTICAL_TEST: "A way to judge results.",
    },
)
