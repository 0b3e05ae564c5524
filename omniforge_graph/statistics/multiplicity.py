"""Several comparisons at once: p-values adjusted for their number."""

import numpy as np

from omniforge_graph.statistics.samples import FloatArray


def holm(p_values: FloatArray) -> FloatArray:
    """Return p-values adjusted for their number along the last axis (Holm 1979), as R's ``p.adjust``.

    A NaN stays NaN and does not count.
    """
    order = np.argsort(p_values, axis=-1)
    ascending = np.take_along_axis(p_values, order, axis=-1)
    count = np.sum(~np.isnan(p_values), axis=-1, keepdims=True)
    stepped = ascending * np.maximum(count - np.arange(p_values.shape[-1]), 1)
    adjusted = np.minimum(np.maximum.accumulate(stepped, axis=-1), 1.0)
    result = np.empty_like(adjusted)
    np.put_along_axis(result, order, adjusted, axis=-1)
    return result
