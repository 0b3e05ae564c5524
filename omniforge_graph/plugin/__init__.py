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
from omniforge_graph.statistics.always_valid import mixture_sprt, regression_critical, regression_p_value
from omniforge_graph.statistics.best import Best, BetaComparison, best_of_betas, best_of_normals, compare_betas
from omniforge_graph.statistics.beta import Beta
from omniforge_graph.statistics.clusters import DesignEffect, design_effect
from omniforge_graph.statistics.comparison import ComparisonArrays, Flag, poor_data_flags
from omniforge_graph.statistics.covariates import Adjustment, adjust, fill_missing, relative_gradient
from omniforge_graph.statistics.credible import beta_difference_interval, beta_ratio_interval
from omniforge_graph.statistics.density import Density, beta_density, beta_difference_density, normal_density
from omniforge_graph.statistics.difference_intervals import DIFFERENCE_INTERVALS, newcombe_interval
from omniforge_graph.statistics.fisher import exact_where, fisher_exact
from omniforge_graph.statistics.group_sequential import Boundaries
from omniforge_graph.statistics.group_sequential_design import (
    DesignSize,
    design_power,
    design_size,
    wang_tsiatis_boundaries,
)
from omniforge_graph.statistics.moments import Moments, mean_of, samples_of_values
from omniforge_graph.statistics.multiplicity import holm
from omniforge_graph.statistics.normal_effect import NormalEffect, best_of_effects, posterior_effect
from omniforge_graph.statistics.permutation import Permutation, permutation_test
from omniforge_graph.statistics.proportions import (
    CrossTable,
    chi_square_log10_p_value,
    cross_table,
    pairs_with_control,
    pearson_chi_square,
    small_expected_counts,
    two_proportion_z,
)
from omniforge_graph.statistics.quantile_sequence import sequential_quantile_p_value
from omniforge_graph.statistics.quantiles import Quantiles, quantile_interval, quantiles_from_bounds, quantiles_of
from omniforge_graph.statistics.ratio import as_ratios, ratio_of
from omniforge_graph.statistics.relative import (
    RELATIVE_INTERVALS,
    delta_error,
    delta_interval,
    fieller_interval,
    log_ratio_interval,
)
from omniforge_graph.statistics.samples import BoolArray, FloatArray, SampleStatistics
from omniforge_graph.statistics.tails import (
    chi_square_p_value,
    normal_p_value,
    normal_quantile,
    student_p_value,
    student_quantile,
)
from omniforge_graph.statistics.thompson import ThompsonWeights, thompson_weights
from omniforge_graph.statistics.welch import WelchT, too_skewed, welch_t
from omniforge_graph.statistics.winsorise import Winsorised, winsorise

__all__ = [
    "DIFFERENCE_INTERVALS",
    "RELATIVE_INTERVALS",
    "WHOLE",
    "Adjustment",
    "Aggregation",
    "AllocationStrategy",
    "Alternative",
    "AnalysisResult",
    "Best",
    "Beta",
    "BetaComparison",
    "BoolArray",
    "Boundaries",
    "ComparisonArrays",
    "ComparisonDesign",
    "CrossTable",
    "Density",
    "DesignEffect",
    "DesignSize",
    "Direction",
    "ExperimentStatus",
    "Flag",
    "FloatArray",
    "Metric",
    "MetricKind",
    "Moments",
    "NormalEffect",
    "Options",
    "Permutation",
    "Phase",
    "PromptExperiment",
    "Quantiles",
    "Range",
    "SampleStatistics",
    "StatisticalTest",
    "ThompsonWeights",
    "Variant",
    "WelchT",
    "Winsorised",
    "adjust",
    "as_ratios",
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
    "delta_error",
    "delta_interval",
    "design_effect",
    "design_power",
    "design_size",
    "exact_where",
    "fieller_interval",
    "fill_missing",
    "fisher_exact",
    "holm",
    "hookimpl",
    "log_ratio_interval",
    "mean_of",
    "mixture_sprt",
    "newcombe_interval",
    "normal_density",
    "normal_p_value",
    "normal_quantile",
    "pairs_with_control",
    "pearson_chi_square",
    "permutation_test",
    "poor_data_flags",
    "posterior_effect",
    "quantile_interval",
    "quantiles_from_bounds",
    "quantiles_of",
    "ratio_of",
    "regression_critical",
    "regression_p_value",
    "relative_gradient",
    "samples_of_values",
    "sequential_quantile_p_value",
    "small_expected_counts",
    "student_p_value",
    "student_quantile",
    "thompson_weights",
    "too_skewed",
    "two_proportion_z",
    "usual_test",
    "wang_tsiatis_boundaries",
    "welch_t",
    "winsorise",
]
