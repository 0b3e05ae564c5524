"""OmniForge Graph: controlled experiments on LLM prompt versions.

The names below are the public Python API; `omniforge_graph.errors` what they raise,
`omniforge_graph.plugin` what plugin authors import, and `omniforge_graph.testing` what they test with. Everything else
may change.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from omniforge_graph.domain.analysis import AnalysisResult
    from omniforge_graph.domain.caller import Caller
    from omniforge_graph.domain.event import ExposureEvent, OutcomeEvent
    from omniforge_graph.domain.experiment import ExperimentStatus, PromptExperiment, Variant
    from omniforge_graph.domain.look import Look
    from omniforge_graph.domain.metric import Aggregation, Cap, Direction, Metric, MetricKind
    from omniforge_graph.domain.plan import AnalysisPlan, Correction, Guardrail, Monitoring
    from omniforge_graph.domain.prompt import Prompt, PromptDraft, PromptVersion, VersionDraft
    from omniforge_graph.domain.sample_size import plan_sample_size
    from omniforge_graph.domain.selection import PromptSlot, VariantSelection
    from omniforge_graph.domain.study import Study
    from omniforge_graph.persistence import migrate, open_database
    from omniforge_graph.services.allocator import TrafficAllocator
    from omniforge_graph.services.analyzer import ExperimentAnalyzer
    from omniforge_graph.services.comparing import compare_many, compare_means, compare_rates, compare_values
    from omniforge_graph.services.drafting import AllocationDraft, VariantDraft
    from omniforge_graph.services.manager import ExperimentManager
    from omniforge_graph.services.prompts import PromptManager
    from omniforge_graph.services.recorder import EventRecorder
    from omniforge_graph.services.repository import PromptRepository
    from omniforge_graph.statistics.samples import SampleStatistics
    from omniforge_graph.statistics.spending import SpendingKind

__all__ = [
    "Aggregation",
    "AllocationDraft",
    "AnalysisPlan",
    "AnalysisResult",
    "Caller",
    "Cap",
    "Correction",
    "Direction",
    "EventRecorder",
    "ExperimentAnalyzer",
    "ExperimentManager",
    "ExperimentStatus",
    "ExposureEvent",
    "Guardrail",
    "Look",
    "Metric",
    "MetricKind",
    "Monitoring",
    "OutcomeEvent",
    "Prompt",
    "PromptDraft",
    "PromptExperiment",
    "PromptManager",
    "PromptRepository",
    "PromptSlot",
    "PromptVersion",
    "SampleStatistics",
    "SpendingKind",
    "Study",
    "TrafficAllocator",
    "Variant",
    "VariantDraft",
    "VariantSelection",
    "VersionDraft",
    "compare_many",
    "compare_means",
    "compare_rates",
    "compare_values",
    "migrate",
    "open_database",
    "plan_sample_size",
]

# Loaded when first used: a program that only allocates need not pay for the database or the statistics.
_HOMES = {
    "Aggregation": "domain.metric",
    "AllocationDraft": "services.drafting",
    "AnalysisPlan": "domain.plan",
    "AnalysisResult": "domain.analysis",
    "Caller": "domain.caller",
    "Cap": "domain.metric",
    "Correction": "domain.plan",
    "Direction": "domain.metric",
    "EventRecorder": "services.recorder",
    "ExperimentAnalyzer": "services.analyzer",
    "ExperimentManager": "services.manager",
    "ExperimentStatus": "domain.experiment",
    "ExposureEvent": "domain.event",
    "Guardrail": "domain.plan",
    "Look": "domain.look",
    "Metric": "domain.metric",
    "MetricKind": "domain.metric",
    "Monitoring": "domain.plan",
    "OutcomeEvent": "domain.event",
    "Prompt": "domain.prompt",
    "PromptDraft": "domain.prompt",
    "PromptExperiment": "domain.experiment",
    "PromptManager": "services.prompts",
    "PromptRepository": "services.repository",
    "PromptSlot": "domain.selection",
    "PromptVersion": "domain.prompt",
    "SampleStatistics": "statistics.samples",
    "SpendingKind": "statistics.spending",
    "TrafficAllocator": "services.allocator",
    "Study": "domain.study",
    "Variant": "domain.experiment",
    "VariantDraft": "services.drafting",
    "VariantSelection": "domain.selection",
    "VersionDraft": "domain.prompt",
    "compare_many": "services.comparing",
    "compare_means": "services.comparing",
    "compare_rates": "services.comparing",
    "compare_values": "services.comparing",
    "migrate": "persistence",
    "open_database": "persistence",
    "plan_sample_size": "domain.sample_size",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
