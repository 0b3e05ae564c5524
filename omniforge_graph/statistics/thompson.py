"""Thompson sampling: traffic in proportion to the chance of being best."""

from dataclasses import dataclass

import numpy as np

from omniforge_graph.errors import ValidationError
from omniforge_graph.statistics.best import best_of_normals
from omniforge_graph.statistics.samples import FloatArray, SampleStatistics


@dataclass(frozen=True, slots=True)
class ThompsonWeights:
    """Of each variant the probability that it is best and the share of traffic; shape of both: (*slices, variants)."""

    probability_best: FloatArray
    weights: FloatArray


def thompson_weights(
    samples: SampleStatistics, floor: float = 0.0, *, higher_is_better: bool = True
) -> ThompsonWeights:
    """Return floor + (1 - k floor) P(best) for each of k variants (Thompson 1933), P by exact quadrature.

    Posteriors are normal around the means, with a flat prior. While some variant has fewer than two units, or no
    variance, nothing is known of its chances and all are taken as equal. Traffic that follows the results biases
    the results: ordinary p-values and intervals do not hold for such data.

    Raises:
        ValidationError: `floor` is negative or more than an equal share.
    """
    variants = samples.units.shape[-1]
    if not 0 <= floor <= 1 / variants:
        raise ValidationError(f"floor must lie between 0 and an equal share, 1/{variants}.", path=("floor",))
    sign = 1 if higher_is_better else -1
    best = best_of_normals(sign * samples.mean, np.sqrt(samples.squared_standard_error)).probability
    chances = np.where(np.isnan(best), 1 / variants, best)
    return ThompsonWeights(chances, floor + (1 - variants * floor) * chances)
