"""Always-valid comparison of a quantile in two samples, without any assumption on their distributions.

For plugin authors and users of the library: it needs the unit values, so the engine itself compares quantiles by their
standard errors.
"""

import math

import numpy as np
import scipy
from numpy.typing import ArrayLike

from omniforge_graph.errors import ValidationError
from omniforge_graph.statistics.always_valid import mixture_rho
from omniforge_graph.statistics.sample_ratio import log_bayes_factor
from omniforge_graph.statistics.samples import FloatArray

_HALVINGS = 60


def sequential_quantile_p_value(
    control: ArrayLike, treatment: ArrayLike, quantile: float, tuned_units: float, alpha: float = 0.05
) -> tuple[float, float]:
    """Return the p-value that two samples have the same quantile, and its log10 (Howard & Ramdas 2022, theorem 5).

    It is valid however often one looks, for any distributions, ties included; the smallest over time is valid too. The
    test is most sensitive near `tuned_units` per sample at level `alpha`. NaN where a sample is empty. Raises
    ValidationError unless 0 < quantile < 1 and all values are finite.
    """
    if not 0 < quantile < 1:
        raise ValidationError("quantile must be between 0 and 1.", path=("quantile",))
    samples = [np.sort(np.asarray(each, dtype=np.float64)) for each in (control, treatment)]
    if not all(np.all(np.isfinite(each)) for each in samples):
        raise ValidationError("values must be finite.", path=("values",))
    if min(each.size for each in samples) == 0:
        return math.nan, math.nan
    spread = quantile * (1 - quantile)
    strength = max(mixture_rho(tuned_units * spread, alpha) - spread, spread / 1000)
    prior = strength / np.array([1 - quantile, quantile])
    # Whatever value the common quantile has, the evidence against it is at least the least over all values. It can
    # only be least at a value of one of the samples.
    values = np.concatenate(samples)
    log_factor = float(np.min(sum(_log_evidence(each, values, quantile, prior) for each in samples)))
    log10_p = -max(log_factor, 0.0) / math.log(10)
    return 10**log10_p, log10_p


def _log_evidence(ordered: FloatArray, values: FloatArray, quantile: float, prior: FloatArray) -> FloatArray:
    """Return the least evidence of a sample against having its quantile at each value.

    A Bayes factor of the share of the sample below the value; with ties at the value, of the share most in its favour.
    """
    shares, n = np.array([quantile, 1 - quantile]), ordered.size
    below, upto = (np.searchsorted(ordered, values, side=side) for side in ("left", "right"))
    low, high = 0.0, float(n)
    for _ in range(_HALVINGS):  # the factor is convex in the count below
        middle = (low + high) / 2
        slope = scipy.special.psi(prior[0] + middle) - scipy.special.psi(prior[1] + n - middle)
        low, high = (middle, high) if slope < scipy.special.logit(quantile) else (low, middle)
    count = np.clip(low, below, upto)
    return log_bayes_factor(np.stack([count, n - count], axis=-1), shares, prior)
