"""All that a plugin author imports.

A plugin is a module with one or more hook implementations, found through an entry point of the group
``omniforge_graph``; see `omniforge_graph.plugin.hookspecs` for the moments at which it may take part.
"""

from omniforge_graph.domain.analysis import AnalysisResult
from omniforge_graph.domain.experiment import ExperimentStatus, PromptExperiment, Variant
from omniforge_graph.domain.metric import Aggregation, Direction, Metric, MetricKind
from omniforge_graph.domain.plan import usual_test
from omniforge_graph.domain.shares import WHOLE, Phase, Range
from omniforge_graph.plugin.hookspecs import hookimpl
from omniforge_graph.plugin.interfaces import AllocationStrategy, ComparisonDesign, Options, StatisticalTest
from omniforge_graph.statistics.alternative import Alternative
from omniforge_graph.statistics.best import Best, BetaComparison, best_of_betas, best_of_normals, compare_betas
from omniforge_graph.statistics.beta import Beta
from omniforge_graph.statistics.comparison import ComparisonArrays, Flag
from omniforge_graph.statistics.credible import beta_difference_interval, beta_ratio_interval
from omniforge_graph.statistics.density import Density, beta_density, beta_difference_density, normal_density
from omniforge_graph.statistics.difference_intervals import DIFFERENCE_INTERVALS, newcombe_interval
from omniforge_graph.statistics.fisher import exact_where, fisher_exact
from omniforge_graph.statistics.multiplicity import holm
from omniforge_graph.statistics.normal_effect import NormalEffect, best_of_effects, posterior_effect
from omniforge_graph.statistics.proportions import (
    CrossTable,
    chi_square_log10_p_value,
    cross_table,
    pairs_with_control,
    pearson_chi_square,
    small_expected_counts,
    two_proportion_z,
)
from omniforge_graph.statistics.relative import fieller_interval
from omniforge_graph.statistics.samples import BoolArray, FloatArray, SampleStatistics
from omniforge_graph.statistics.tails import (
    chi_square_p_value,
    normal_p_value,
    normal_quantile,
    student_p_value,
    student_quantile,
)
from omniforge_graph.statistics.thompson import ThompsonWeights, thompson_weights

__all__ = [
    "DIFFERENCE_INTERVALS",
    "WHOLE",
    "Aggregation",
    "AllocationStrategy",
    "Alternative",
    "AnalysisResult",
    "Best",
    "Beta",
    "BetaComparison",
    "BoolArray",
    "ComparisonArrays",
    "ComparisonDesign",
    "CrossTable",
    "Density",
    "Direction",
    "ExperimentStatus",
    "Flag",
    "FloatArray",
    "Metric",
    "MetricKind",
    "NormalEffect",
    "Options",
    "Phase",
    "PromptExperiment",
    "Range",
    "SampleStatistics",
    "StatisticalTest",
    "ThompsonWeights",
    "Variant",
    "best_of_betas",
    "best_of_effects",
    "best_of_normals",
    "beta_density",
    "beta_difference_density",
    "beta_difference_interval",
    "beta_ratio_interval",
    "chi_square_log10_p_value",
    "chi_square_p_value",
    "compare_betas",
    "cross_table",
    "exact_where",
    "fieller_interval",
    "fisher_exact",
    "holm",
    "hookimpl",
    "newcombe_interval",
    "normal_density",
    "normal_p_value",
    "normal_quantile",
    "pairs_with_control",
    "pearson_chi_square",
    "posterior_effect",
    "small_expected_counts",
    "student_p_value",
    "student_quantile",
    "thompson_weights",
    "two_proportion_z",
    "usual_test",
]
