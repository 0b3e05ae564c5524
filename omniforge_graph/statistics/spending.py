"""How fast a group sequential test may spend its significance level as information comes in."""

import math
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
import scipy
from numpy.typing import ArrayLike

from omniforge_graph.errors import ValidationError
from omniforge_graph.statistics.samples import FloatArray

_LARGEST_RHO = 50.0
_LARGEST_GAMMA = 40.0
_LINEAR = 1e-12
"""Below it gamma changes no digit of what is spent, and its exponentials would underflow."""


class SpendingKind(StrEnum):
    """The families of spending functions: the first two look like the classic designs, the others have a parameter."""

    OBRIEN_FLEMING = "OBRIEN_FLEMING"
    POCOCK = "POCOCK"
    KIM_DEMETS = "KIM_DEMETS"
    HWANG_SHIH_DECANI = "HWANG_SHIH_DECANI"


_USUAL_PARAMETERS = {SpendingKind.KIM_DEMETS: 2.0, SpendingKind.HWANG_SHIH_DECANI: -4.0}


@dataclass(frozen=True, slots=True)
class Spending:
    """An alpha spending function (Lan & DeMets 1983; Kim & DeMets 1987; Hwang, Shih & DeCani 1990).

    `parameter` is rho of KIM_DEMETS, above 0 up to 50 (2 if left out), or gamma of HWANG_SHIH_DECANI, from -40 to 40
    (-4 if left out); the other kinds have none. Raises ValidationError for any other.
    """

    kind: SpendingKind = SpendingKind.OBRIEN_FLEMING
    parameter: float | None = None

    def __post_init__(self) -> None:
        usual = _USUAL_PARAMETERS.get(self.kind)
        if usual is None:
            if self.parameter is not None:
                raise ValidationError(f"parameter must be left out with {self.kind}.", path=("parameter",))
            return
        value = usual if self.parameter is None else self.parameter
        if self.kind is SpendingKind.KIM_DEMETS and not 0 < value <= _LARGEST_RHO:
            raise ValidationError("parameter (rho) of KIM_DEMETS must be above 0, up to 50.", path=("parameter",))
        if self.kind is SpendingKind.HWANG_SHIH_DECANI and not abs(value) <= _LARGEST_GAMMA:
            raise ValidationError("parameter (gamma) of HWANG_SHIH_DECANI must be from -40 to 40.", path=("parameter",))
        object.__setattr__(self, "parameter", float(value))

    def spent(self, information_fraction: ArrayLike, alpha: float) -> FloatArray:
        """Return the part of a one-sided `alpha` that is spent at fractions of the planned information, from 0 up.

        From fraction 1 on, everything is spent. For a two-sided test halve `alpha` and double the result.
        """
        return np.exp(self.log_spent(information_fraction, np.log(alpha)))

    def log_spent(self, information_fraction: ArrayLike, log_alpha: ArrayLike) -> FloatArray:
        """Return the natural logarithm of `spent` from that of alpha: finite however small they are. Broadcasts."""
        t = np.minimum(np.asarray(information_fraction, dtype=np.float64), 1.0)
        log_alpha = np.asarray(log_alpha, dtype=np.float64)
        with np.errstate(divide="ignore"):  # nothing is spent at fraction 0
            if self.kind is SpendingKind.OBRIEN_FLEMING:
                quantile = scipy.special.ndtri_exp(log_alpha - math.log(2))
                spent = math.log(2) + scipy.special.log_ndtr(quantile / np.sqrt(t))
                return np.asarray(np.where(t < 1, spent, log_alpha))
            return np.asarray(log_alpha + self._log_share(t))

    def _log_share(self, t: FloatArray) -> FloatArray:
        """Return the logarithm of the share spent, of the kinds that spend in proportion to alpha."""
        if self.kind is SpendingKind.POCOCK:
            return np.log(np.log1p((math.e - 1) * t))
        assert self.parameter is not None
        if self.kind is SpendingKind.KIM_DEMETS:
            return self.parameter * np.log(t)
        if abs(self.parameter) < _LINEAR:
            return np.log(t)
        return np.log(np.expm1(-self.parameter * t) / math.expm1(-self.parameter))
