"""All that a plugin author imports.

A plugin is a module with one or more hook implementations, found through an entry point of the group
``omniforge_graph``; see `omniforge_graph.plugin.hookspecs` for the moments at which it may take part.
"""

from omniforge_graph.domain.analysis import AnalysisResult
from omniforge_graph.domain.experiment import ExperimentStatus, PromptExperiment, Variant
from omniforge_graph.domain.metric import Aggregation, Direction, Metric, MetricKind
from omniforge_graph.domain.shares import WHOLE, Phase, Range
from omniforge_graph.domain.statistics import ComparisonArrays, Flag, FloatArray, SampleStatistics
from omniforge_graph.plugin.hookspecs import hookimpl
from omniforge_graph.plugin.interfaces import AllocationStrategy, ComparisonDesign, Options, StatisticalTest

__all__ = [
    "WHOLE",
    "Aggregation",
    "AllocationStrategy",
    "AnalysisResult",
    "ComparisonArrays",
    "ComparisonDesign",
    "Direction",
    "ExperimentStatus",
    "Flag",
    "FloatArray",
    "Metric",
    "MetricKind",
    "Options",
    "Phase",
    "PromptExperiment",
    "Range",
    "SampleStatistics",
    "StatisticalTest",
    "Variant",
    "hookimpl",
]
