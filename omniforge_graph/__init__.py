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
    from omniforge_graph.domain.metric import Aggregation, Direction, Metric, MetricKind
    from omniforge_graph.domain.plan import AnalysisPlan
    from omniforge_graph.domain.prompt import Prompt, PromptDraft, PromptVersion, VersionDraft
    from omniforge_graph.domain.selection import PromptSlot, VariantSelection
    from omniforge_graph.persistence import migrate, open_database
    from omniforge_graph.services.allocator import TrafficAllocator
    from omniforge_graph.services.analyzer import ExperimentAnalyzer
    from omniforge_graph.services.drafting import AllocationDraft, VariantDraft
    from omniforge_graph.services.manager import ExperimentManager
    from omniforge_graph.services.prompts import PromptManager
    from omniforge_graph.services.recorder import EventRecorder
    from omniforge_graph.services.repository import PromptRepository

__all__ = [
    "Aggregation",
    "AllocationDraft",
    "AnalysisPlan",
    "AnalysisResult",
    "Caller",
    "Direction",
    "EventRecorder",
    "ExperimentAnalyzer",
    "ExperimentManager",
    "ExperimentStatus",
    "ExposureEvent",
    "Metric",
    "MetricKind",
    "OutcomeEvent",
    "Prompt",
    "PromptDraft",
    "PromptExperiment",
    "PromptManager",
    "PromptRepository",
    "PromptSlot",
    "PromptVersion",
    "TrafficAllocator",
    "Variant",
    "VariantDraft",
    "VariantSelection",
    "VersionDraft",
    "migrate",
    "open_database",
]

# Loaded when first used: a program that only allocates need not pay for the database or the statistics.
_HOMES = {
    "Aggregation": "domain.metric",
    "AllocationDraft": "services.drafting",
    "AnalysisPlan": "domain.plan",
    "AnalysisResult": "domain.analysis",
    "Caller": "domain.caller",
    "Direction": "domain.metric",
    "EventRecorder": "services.recorder",
    "ExperimentAnalyzer": "services.analyzer",
    "ExperimentManager": "services.manager",
    "ExperimentStatus": "domain.experiment",
    "ExposureEvent": "domain.event",
    "Metric": "domain.metric",
    "MetricKind": "domain.metric",
    "OutcomeEvent": "domain.event",
    "Prompt": "domain.prompt",
    "PromptDraft": "domain.prompt",
    "PromptExperiment": "domain.experiment",
    "PromptManager": "services.prompts",
    "PromptRepository": "services.repository",
    "PromptSlot": "domain.selection",
    "PromptVersion": "domain.prompt",
    "TrafficAllocator": "services.allocator",
    "Variant": "domain.experiment",
    "VariantDraft": "services.drafting",
    "VariantSelection": "domain.selection",
    "VersionDraft": "domain.prompt",
    "migrate": "persistence",
    "open_database": "persistence",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
