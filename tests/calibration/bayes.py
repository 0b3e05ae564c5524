"""Chances and expected losses of beta posteriors, against sums of 60 decimal digits and adaptive quadrature."""

import math
from collections.abc import Callable, Iterator
from decimal import Decimal, localcontext
from functools import partial
from itertools import pairwise
from typing import TypeAlias

import numpy as np
import scipy

from omniforge_graph.statistics.best import best_of_betas, compare_betas
from omniforge_graph.statistics.beta import Beta
from tests.calibration.checking import Band, Check, Generator, Row

Parameters: TypeAlias = tuple[float, float]

DIGITS = 60
CUTS = (1e-12, 1e-4, 0.1, 0.5, 0.9, 1 - 1e-4)
"""Probabilities at whose quantiles the adaptive quadrature is cut, so that it misses no peak."""
PAIRS = (
    ((1, 1), (1, 1)),
    ((2, 1), (1, 2)),
    ((11, 91), (19, 83)),
    ((51, 951), (61, 941)),
    ((501, 9_501), (601, 9_401)),
    ((1, 10_001), (6, 9_996)),
    ((201, 3), (190, 14)),
    ((2_001, 40_001), (2_401, 39_601)),
    ((101, 10**9), (131, 10**9)),
    ((51, 10**6), (200, 10**6)),
)
"""Whole parameters (a, b) of the control's and the treatment's posterior."""
TRIOS = (
    ((3.5, 9.5), (5.5, 7.5), (4.5, 8.5)),
    ((51, 951), (61, 941), (58, 944)),
    ((201, 20_001), (230, 19_972), (150, 20_050)),
    ((1, 1), (20, 5), (9, 3)),
)


def checks() -> list[Check]:
    """Return the checks of this module."""
    exact = Band(0.0, 1e-6)
    return [
        Check(
            (
                Row("P(B > A): largest relative error in 10 pairs, counts to 1e9, chances to 1e-22", exact, "1e-3"),
                Row("expected gain and loss: largest relative error in 10 pairs", exact, "1e-3"),
            ),
            _pairs,
        ),
        Check(
            (
                Row("P(best of 3): largest relative error in 4 trios", exact, "1e-3"),
                Row("expected loss of each of 3: largest relative error in 4 trios", exact, "1e-3"),
            ),
            _trios,
        ),
    ]


def greater(first: tuple[int, int], second: tuple[int, int]) -> Decimal:
    """Return P(second > first) of betas with whole parameters (Miller 2014): a sum of positive terms.

    The sum over i < a2 of B(a1 + i, b1 + b2) / ((b2 + i) B(1 + i, b2) B(a1, b1)), each term from the one before.
    """
    (a1, b1), (a2, b2) = first, second
    term = Decimal(1)
    for step in range(min(a1, b2)):  # B(a1, b1 + b2) / B(a1, b1), as the shorter of two products
        term *= Decimal(b1 + step) / (b1 + b2 + step) if a1 <= b2 else Decimal(b1 + step) / (a1 + b1 + step)
    total = Decimal(0)
    for i in range(a2):
        total += term
        term *= Decimal((a1 + i) * (b2 + i)) / ((a1 + b1 + b2 + i) * (i + 1))
    return total


def expected_excess(first: tuple[int, int], second: tuple[int, int]) -> Decimal:
    """Return E max(second - first, 0) (Stucchio 2015)."""
    (a1, b1), (a2, b2) = first, second
    more = Decimal(a2) / (a2 + b2) * greater(first, (a2 + 1, b2))
    return more - Decimal(a1) / (a1 + b1) * greater((a1 + 1, b1), second)


def _pairs(_: Generator, __: int) -> tuple[float, float]:
    chances, losses = [0.0], [0.0]
    with localcontext() as context:
        context.prec = DIGITS
        for control, treatment in PAIRS:
            found = compare_betas(*(Beta(*(np.array([float(each)]) for each in one)) for one in (control, treatment)))
            chances.append(_error(found.greater[0], greater(control, treatment)))
            chances.append(_error(found.less[0], greater(treatment, control)))
            losses.append(_error(found.gain[0], expected_excess(control, treatment)))
            losses.append(_error(found.loss[0], expected_excess(treatment, control)))
    return max(chances), max(losses)


def _error(found: float, truth: Decimal | float) -> float:
    return abs(float(Decimal(float(found)) / Decimal(truth) - 1))


def _integrals(trio: tuple[Parameters, ...]) -> Iterator[tuple[float, float]]:
    """Return of each variant the chance to be best and the expected loss of choosing it, by adaptive quadrature."""
    cuts = sorted({float(scipy.special.betaincinv(*each, q)) for each in trio for q in CUTS})

    def integral(function: Callable[[float], float]) -> float:
        parts = (
            scipy.integrate.quad(function, low, high, epsabs=0, epsrel=1e-10, limit=200)[0]
            for low, high in pairwise([0.0, *cuts, 1.0])
            if high > low
        )
        return sum(parts)

    for place, own in enumerate(trio):
        second, third = trio[:place] + trio[place + 1 :]
        chance = integral(partial(_best_at, own, second, third))
        loss = integral(partial(_beaten_at, own, second, third))
        yield chance, loss


def _best_at(own: Parameters, second: Parameters, third: Parameters, x: float) -> float:
    a, b = own
    density = math.exp((a - 1) * math.log(x) + (b - 1) * math.log1p(-x) - scipy.special.betaln(a, b))
    return float(density * scipy.special.betainc(*second, x) * scipy.special.betainc(*third, x))


def _beaten_at(own: Parameters, second: Parameters, third: Parameters, x: float) -> float:
    """Return P(own < x) P(not both others < x): its integral is E max(max(others) - own, 0)."""
    one, other = scipy.special.betaincc(*second, x), scipy.special.betaincc(*third, x)
    return float(scipy.special.betainc(*own, x) * (one + other - one * other))


def _trios(_: Generator, __: int) -> tuple[float, float]:
    chances, losses = [0.0], [0.0]
    for trio in TRIOS:
        found = best_of_betas(Beta(*(np.array([[float(each[at]) for each in trio]]) for at in (0, 1))))
        for place, (chance, loss) in enumerate(_integrals(trio)):
            chances.append(_error(found.probability[0, place], chance))
            losses.append(_error(found.expected_loss[0, place], loss))
    return max(chances), max(losses)
