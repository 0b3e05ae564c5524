"""The domain's enumerations, described for clients. They are the same objects: nothing to translate."""

from collections.abc import Mapping
from enum import StrEnum

import strawberry
from strawberry.types.enum import StrawberryEnumDefinition

from omniforge_graph.domain.analysis import GuardrailState, Verdict
from omniforge_graph.domain.bucketing import HashAlgorithm
from omniforge_graph.domain.change import Subject
from omniforge_graph.domain.experiment import ExperimentStatus
from omniforge_graph.domain.metric import Aggregation, Direction, MetricKind
from omniforge_graph.domain.plan import Correction, Monitoring
from omniforge_graph.domain.selection import SelectionReason
from omniforge_graph.domain.study import Distribution as ValueDistribution
from omniforge_graph.errors import ErrorCode
from omniforge_graph.plugin.offers import OfferKind
from omniforge_graph.plugin.registry import PluginStatus
from omniforge_graph.statistics.spending import SpendingKind as SpendingFunction

__all__ = [
    "Aggregation",
    "Correction",
    "Direction",
    "ErrorCode",
    "ExperimentStatus",
    "GuardrailState",
    "HashAlgorithm",
    "MetricKind",
    "Monitoring",
    "OfferKind",
    "PluginStatus",
    "SelectionReason",
    "SpendingFunction",
    "Subject",
    "ValueDistribution",
    "Verdict",
]


def _describe(enum: type[StrEnum], description: str, values: Mapping[StrEnum, str], name: str | None = None) -> None:
    strawberry.enum(enum, name=name, description=description)
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
        MetricKind.RATIO: "A sum over units by another one, such as cost per request.",
        MetricKind.QUANTILE: "A quantile of the units' values, such as the 90th percentile of latency.",
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
        Aggregation.NUMBER: "How many outcomes there were, whatever their values.",
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
        Verdict.SHIP: "A treatment is better on a goal, worse on none, and passes every guardrail: promote it.",
        Verdict.KEEP_CONTROL: "Every treatment is worse on a goal or fails a guardrail: keep the control.",
        Verdict.CONTINUE: "Too early to tell: let it run.",
        Verdict.INCONCLUSIVE: "The planned units have arrived, and nothing was decided.",
        Verdict.INVALID: "The data must not be used for a decision.",
    },
)
_describe(
    GuardrailState,
    "Where a treatment stands on a guardrail.",
    {
        GuardrailState.PASSED: "Shown to be within the margin.",
        GuardrailState.FAILED: "Shown to be beyond the margin.",
        GuardrailState.UNDECIDED: "Neither yet.",
    },
)
_describe(
    Monitoring,
    "How often the results may be looked at and acted upon.",
    {
        Monitoring.FIXED: "Once, when the planned units have arrived.",
        Monitoring.GROUP_SEQUENTIAL: "Often, until a planned horizon (Lan and DeMets).",
        Monitoring.ALWAYS_VALID: "At any time, with no end planned (confidence sequences).",
    },
)
_describe(
    SpendingFunction,
    "How the looks of a group sequential plan spend the error rate.",
    {
        SpendingFunction.OBRIEN_FLEMING: "Almost nothing early on: the last look is nearly as strict as a single one.",
        SpendingFunction.POCOCK: "About evenly: early looks decide more easily, the last one less.",
        SpendingFunction.KIM_DEMETS: "In proportion to a power of the information; the parameter is that power.",
        SpendingFunction.HWANG_SHIH_DECANI: "Exponentially: the parameter goes from late (-4) to early (1) spending.",
    },
    name="SpendingFunction",
)
_describe(
    Correction,
    "How the p-values of several comparisons are adjusted for their number.",
    {
        Correction.HOLM: "Holds the chance of any false finding.",
        Correction.BENJAMINI_HOCHBERG: "Holds the share of false ones among the findings.",
        Correction.NONE: "Leaves them as they are.",
    },
)
_describe(
    ValueDistribution,
    "What values are taken to be distributed like around a quantile, when a study of it is planned.",
    {
        ValueDistribution.NORMAL: "Normal.",
        ValueDistribution.LOGNORMAL: "Lognormal, as latencies and costs often are.",
    },
    name="ValueDistribution",
)
_describe(
    Subject,
    "What a change is about.",
    {
        Subject.PROMPT_CREATED: "A prompt was created.",
        Subject.CURRENT_VERSION_SET: "A prompt's current version was set by hand.",
        Subject.EXPERIMENT_CREATED: "An experiment was created.",
        Subject.ANALYSIS_PLANNED: "A draft was given another analysis plan.",
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
