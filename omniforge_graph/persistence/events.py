"""Exposures and outcomes: written in batches, read as unit-level statistics."""

from collections.abc import Collection, Hashable, Mapping, Sequence
from typing import Any, TypeVar

import numpy as np

from omniforge_graph.domain.event import Exposure, Outcome
from omniforge_graph.domain.experiment import PromptExperiment
from omniforge_graph.domain.measurement import MeasuredSamples
from omniforge_graph.domain.metric import Metric
from omniforge_graph.persistence.mapping import to_micros
from omniforge_graph.persistence.paging import storable
from omniforge_graph.persistence.store import Store
from omniforge_graph.statistics.samples import SampleStatistics

ASKED = "(CAST(? AS BIGINT), CAST(? AS TEXT), CAST(? AS TEXT), CAST(? AS TEXT), CAST(? AS BIGINT), CAST(? AS TEXT))"
MEASURED_AT_ONCE = 25
"""Questions in one statement: few enough that it ends within the limit for studies."""

Key = TypeVar("Key", bound=Hashable)

EXPOSURE_COLUMNS = {"experiment_id": "text", "unit_id": "text", "variant_id": "text", "occurred_at": "bigint"}
OUTCOME_COLUMNS = {
    "event_id": "text", "tenant_id": "text", "metric": "text", "unit_id": "text", "occurred_at": "bigint",
    "value": "float8", "experiment_id": "text",
}  # fmt: skip

MEASURE = """
WITH asked (place, experiment_id, aggregation, metric, ending, tenant_id) AS (VALUES {asked}),
unit AS MATERIALIZED (
    SELECT a.place, x.variant_id, COUNT(o.id) AS outcomes,
        CASE a.aggregation
            WHEN 'ANY' THEN MAX(CASE WHEN o.value = 1 THEN 1.0 ELSE 0.0 END)
            WHEN 'SUM' THEN COALESCE(SUM(o.value), 0)
            ELSE AVG(o.value)
        END AS value
    FROM asked a
    JOIN exposure x ON x.experiment_id = a.experiment_id
    LEFT JOIN outcome o ON o.unit_id = x.unit_id AND o.metric = a.metric AND o.occurred_at >= x.occurred_at
        AND (a.ending IS NULL OR o.occurred_at <= a.ending)
        AND (o.experiment_id IS NULL OR o.experiment_id = x.experiment_id)
        AND (o.tenant_id IS NULL OR a.tenant_id IS NULL OR o.tenant_id = a.tenant_id)
    GROUP BY a.place, a.aggregation, x.id, x.variant_id
), middle AS MATERIALIZED (
    SELECT place, variant_id, COUNT(*) AS exposed, COUNT(value) AS units, AVG(value) AS mean,
        COUNT(CASE WHEN outcomes = 0 THEN 1 END) AS without_outcome
    FROM unit GROUP BY place, variant_id
)
SELECT m.place, m.variant_id, m.exposed, m.units, m.mean, m.without_outcome,
    SUM(u.value - m.mean) AS drift, SUM(
        CASE WHEN ABS(u.value - m.mean) < 1.6e-162 THEN 0 ELSE (u.value - m.mean) * (u.value - m.mean) END
    ) AS squares
FROM middle m JOIN unit u ON u.place = m.place AND u.variant_id = m.variant_id
GROUP BY m.place, m.variant_id, m.exposed, m.units, m.mean, m.without_outcome
"""
"""One row per unit, then per variant its mean, then the squares around that mean: the corrected two-pass algorithm
(Chan, Golub & LeVeque 1983), which stays exact where the textbook's difference of sums cancels to noise.

What is below 1.6e-162 has no square that a double can hold; PostgreSQL would fail on it, so it counts as 0."""


class EventStore(Store):
    """Stores what happened."""

    async def record_exposures(self, exposures: Sequence[Exposure]) -> list[bool]:
        """Record all in one transaction; return for each whether it was its unit's first in the experiment."""
        keys = [(each.experiment_id, each.unit_id) for each in exposures]
        rows = [(*key, each.variant_id, to_micros(each.occurred_at)) for key, each in zip(keys, exposures, strict=True)]
        async with self._database.transaction() as session:
            # In the keys' order, whatever the batch's: two batches that overlap cannot lock each other out.
            inserted = await session.insert_new(
                "exposure", EXPOSURE_COLUMNS, sorted(_first(keys, rows)), "experiment_id, unit_id"
            )
        return _novelty(keys, {(row["experiment_id"], row["unit_id"]) for row in inserted})

    async def record_outcomes(self, outcomes: Sequence[Outcome]) -> list[bool]:
        """Record all in one transaction; return for each whether it is new (its event id was not seen before)."""
        keys = [_event_key(index, each) for index, each in enumerate(outcomes)]
        rows = [_outcome_row(each) for each in outcomes]
        async with self._database.transaction() as session:
            inserted = await session.insert_new(
                "outcome", OUTCOME_COLUMNS, sorted(_first(keys, rows), key=_by_event), "event_id, tenant_id"
            )
        new = {(row["event_id"], row["tenant_id"]) for row in inserted}
        return _novelty(keys, new | {key for key in keys if isinstance(key, int)})

    async def exposure_counts(self, experiment_ids: Collection[str]) -> Mapping[str, Mapping[str, int]]:
        """Return, per experiment, the number of exposed units by variant id."""
        counts: dict[str, dict[str, int]] = {experiment_id: {} for experiment_id in experiment_ids}
        sql = (
            "SELECT experiment_id, variant_id, COUNT(*) AS n FROM exposure WHERE experiment_id IN (?*) "
            "GROUP BY experiment_id, variant_id"
        )
        async with self._database.reading(study=True) as session:
            for row in await session.rows(sql, storable(experiment_ids)):
                counts[row["experiment_id"]][row["variant_id"]] = int(row["n"])
        return counts

    async def measure_many(self, asked: Sequence[tuple[PromptExperiment, Metric]]) -> list[MeasuredSamples]:
        """Return unit-level statistics for each question: one row per unit, outcomes from exposure to end."""
        found: list[MeasuredSamples] = []
        for start in range(0, len(asked), MEASURED_AT_ONCE):
            chunk = asked[start : start + MEASURED_AT_ONCE]
            values = [value for place, question in enumerate(chunk) for value in _question(place, *question)]
            async with self._database.reading(study=True) as session:
                rows = await session.rows(MEASURE.format(asked=", ".join([ASKED] * len(chunk))), *values)
            by_arm = {(row["place"], row["variant_id"]): row for row in rows}
            found += [_measured(place, experiment, by_arm) for place, (experiment, _) in enumerate(chunk)]
        return found


def _question(place: int, experiment: PromptExperiment, metric: Metric) -> tuple[Any, ...]:
    end = to_micros(experiment.end_date) if experiment.end_date is not None else None
    return place, experiment.id, str(metric.aggregation), metric.key, end, experiment.tenant_id


def _measured(place: int, experiment: PromptExperiment, rows: Mapping[tuple[int, str], Any]) -> MeasuredSamples:
    table = np.array([_summary(rows.get((place, variant.id))) for variant in experiment.variants]).T
    exposed, without_outcome, units, mean, variance = table
    return MeasuredSamples(SampleStatistics.of(units, mean, variance), exposed, without_outcome)


def _summary(row: Mapping[str, Any] | None) -> tuple[float, float, float, float, float]:
    """Return exposed units, those without an outcome, measured units, their mean and unbiased variance."""
    if row is None:
        return 0.0, 0.0, 0.0, np.nan, np.nan
    units = row["units"]
    if units == 0:
        return row["exposed"], row["without_outcome"], 0.0, np.nan, np.nan
    drift = row["drift"]
    squares = max(row["squares"] - drift * drift / units, 0.0)
    variance = squares / (units - 1) if units > 1 else np.nan
    return row["exposed"], row["without_outcome"], units, row["mean"] + drift / units, variance


def _outcome_row(outcome: Outcome) -> tuple[Any, ...]:
    return (
        outcome.event_id, outcome.tenant_id, outcome.metric, outcome.unit_id, to_micros(outcome.occurred_at),
        float(outcome.value), outcome.experiment_id,
    )  # fmt: skip


def _event_key(index: int, outcome: Outcome) -> Hashable:
    """Return what makes an outcome the same as another: its event id and sender's tenant, else nothing but itself."""
    return index if outcome.event_id is None else (outcome.event_id, outcome.tenant_id)


def _by_event(row: Sequence[Any]) -> tuple[str, str]:
    return row[0] or "", row[1] or ""


def _first(keys: Sequence[Hashable], rows: Sequence[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
    """Return the row of each key's first occurrence in the batch."""
    return list(dict(zip(reversed(keys), reversed(rows), strict=True)).values())


def _novelty(keys: Sequence[Hashable], new: set[Any]) -> list[bool]:
    """Return for each event whether it is the first of its key in the batch, and the key is new."""
    verdicts = []
    for key in keys:
        verdicts.append(key in new)
        new.discard(key)
    return verdicts
