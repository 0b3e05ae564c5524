"""From arrays to the columns that people read."""

import numpy as np

from omniforge_graph.statistics.samples import FloatArray


def plain_float(value: FloatArray | np.float64 | float | None) -> float | None:
    """Return a Python float, None for what is unknown or unbounded."""
    return None if value is None or not np.isfinite(value) else float(value)


def plain_floats(values: FloatArray | None, size: int) -> list[float | None]:
    """Return Python floats, flattened, None for what is unknown or unbounded; without values `size` times None."""
    if values is None:
        return [None] * size
    flat = values.ravel()
    column: list[float | None] = list(flat.tolist())
    for place in np.flatnonzero(~np.isfinite(flat)).tolist():
        column[place] = None
    return column
