"""Reading units: their totals come out of the database as arrays and become tables for the analysis."""

import asyncio
from collections import defaultdict
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from omniforge_graph.domain.measurement import MAX_SLICES, NO_VALUE, OTHER_VALUES, Source, UnitQuestion, UnitTable
from omniforge_graph.domain.metric import Aggregation
from omniforge_graph.domain.text import clean_key
from omniforge_graph.persistence.session import Packed, Session
from omniforge_graph.persistence.store import Store
from omniforge_graph.statistics.samples import BoolArray, FloatArray

READ_AT_ONCE = 25
"""Questions in one statement: few enough that it ends within the limit for studies."""

LABELS = ("variant_id", "slice")
NUMBERS = ("unit", "weight", "outcomes", "ones", "total", "squares")
WHOLE = "CAST('' AS TEXT)"
"""The slice of everybody, where nobody asked for a dimension."""
UNIT, WEIGHT, OUTCOMES, ONES, TOTAL, SQUARES = range(6)

SLICED = """
valued_{place} (id, variant_id, value) AS MATERIALIZED (
    SELECT x.id, x.variant_id, {text} FROM exposure x WHERE x.experiment_id = ?
), sliced_{place} (id, variant_id, slice) AS MATERIALIZED (
    SELECT id, variant_id, CASE WHEN value IS NULL THEN '{none}' WHEN value IN (
        SELECT value FROM valued_{place} WHERE value IS NOT NULL
        GROUP BY value ORDER BY COUNT(*) DESC, value LIMIT {most}
    ) THEN value ELSE '{other}' END
    FROM valued_{place}
)
"""
EXPOSED = """
SELECT x.variant_id, {slice} AS slice, 0 AS unit, COUNT(*) AS weight, 0 AS outcomes, 0 AS ones, 0 AS total, 0 AS squares
FROM {units} x {where} GROUP BY x.variant_id, {slice}
"""
TOTALS = """
SELECT t.variant_id, {slice} AS slice, {unit} AS unit, {weight} AS weight, t.outcomes, t.ones, t.total, t.squares
FROM unit_total t {join} WHERE t.source_id = (
    SELECT id FROM experiment_source WHERE experiment_id = ? AND metric = ? AND before_exposure = ?
) {group}
"""
EQUAL = "GROUP BY t.variant_id, {slice}, t.outcomes, t.ones, t.total, t.squares"


class Group(NamedTuple):
    """The exposed units of an experiment, split by a dimension or not."""

    experiment_id: str
    dimension: str | None


class Stream(NamedTuple):
    """The totals of one source of a group; any aggregation can be had from them."""

    group: Group
    metric: str
    before_exposure: bool


class UnitStore(Store):
    """Reads units. What it costs grows with their number and not with that of the outcomes."""

    async def read_units(self, questions: Sequence[UnitQuestion]) -> list[UnitTable]:
        """Return the exposed units with their values for each question."""
        found: list[UnitTable] = []
        for start in range(0, len(questions), READ_AT_ONCE):
            chunk = questions[start : start + READ_AT_ONCE]
            async with self._database.reading(study=True) as session:
                exposed, totals = await _read(session, chunk)
            found += await asyncio.to_thread(lambda c, e, t: [_table(q, e, t) for q in c], chunk, exposed, totals)
        return found


def _group(question: UnitQuestion) -> Group:
    return Group(question.experiment.id, question.dimension)


def _stream(question: UnitQuestion, source: Source) -> Stream:
    return Stream(_group(question), source.metric, source.before_exposure)


async def _read(
    session: Session, questions: Sequence[UnitQuestion]
) -> tuple[dict[Group, Packed], dict[Stream, Packed]]:
    """Read exposures and totals in one statement, so that they belong together."""
    groups = dict.fromkeys(_group(each) for each in questions)
    single: dict[Stream, bool] = defaultdict(lambda: True)
    for question in questions:
        streams = {_stream(question, source) for source in question.sources}
        few_values = all(each.aggregation in (Aggregation.ANY, Aggregation.NUMBER) for each in question.sources)
        for stream in streams:
            single[stream] &= len(streams) == 1 and few_values
    heads: list[str] = []
    values: list[Any] = []
    names: dict[Group, str] = {}
    for place, group in enumerate(group for group in groups if group.dimension is not None):
        names[group] = f"sliced_{place}"
        heads.append(_sliced(session, place))
        values += [session.json_key(clean_key(group.dimension, ("dimension",))), group.experiment_id]
    selects = [_exposed(names.get(group)) for group in groups]
    values += [group.experiment_id for group in groups if group not in names]
    selects += [_totals(names.get(stream.group), equal) for stream, equal in single.items()]
    for stream in single:
        values += [stream.group.experiment_id, stream.metric, stream.before_exposure]
    head = f"WITH {', '.join(heads)}" if heads else ""
    parts = await session.packed(head, selects, LABELS, NUMBERS, values)
    return dict(zip(groups, parts, strict=False)), dict(zip(single, parts[len(groups) :], strict=True))


def _sliced(session: Session, place: int) -> str:
    text = session.json_text("x.attributes")
    return SLICED.format(place=place, text=text, none=NO_VALUE, other=OTHER_VALUES, most=MAX_SLICES)


def _exposed(sliced: str | None) -> str:
    if sliced is None:
        return EXPOSED.format(slice=WHOLE, units="exposure", where="WHERE x.experiment_id = ?")
    return EXPOSED.format(slice="x.slice", units=sliced, where="")


def _totals(sliced: str | None, equal: bool) -> str:
    """Return the SELECT for a stream: a row for each unit, or one for all units that are `equal`."""
    slice_, join = (WHOLE, "") if sliced is None else ("x.slice", f"JOIN {sliced} x ON x.id = t.exposure_id")
    unit, weight, group = ("0", "COUNT(*)", EQUAL.format(slice=slice_)) if equal else ("t.exposure_id", "1", "")
    return TOTALS.format(slice=slice_, join=join, unit=unit, weight=weight, group=group)


def _table(question: UnitQuestion, exposed: dict[Group, Packed], totals: dict[Stream, Packed]) -> UnitTable:
    """Put a question's table together: for each variant and slice the units with totals, and a row for all others."""
    counts = {label: float(part[WEIGHT].sum()) for label, part in exposed[_group(question)].items()}
    places = {variant.id: place for place, variant in enumerate(question.experiment.variants)}
    sizes: dict[str, float] = defaultdict(float)
    for (variant_id, value), count in counts.items():
        if variant_id in places:
            sizes[value] += count
    slices = ("",) if question.dimension is None else tuple(sorted(sizes, key=lambda value: (-sizes[value], value)))
    streams = [_stream(question, source) for source in question.sources]
    parts = [_part(question.sources, [None] * len(streams), 0.0, 0, 0)]  # no rows, should there be no slices
    for variant_id, place in places.items():
        for at, value in enumerate(slices):
            label = (variant_id, value)
            found = [totals[stream].get(label) for stream in streams]
            parts.append(_part(question.sources, found, counts.get(label, 0.0), place, at))
    variant, weight, values, observed, squares, slice_of = (
        np.concatenate(column) for column in zip(*parts, strict=True)
    )
    return UnitTable(variant, weight, values, observed, squares, slice_of, slices)


def _part(
    sources: Sequence[Source], found: Sequence[FloatArray | None], exposed: float, place: int, slice_of: int
) -> tuple[Any, ...]:
    """Return the columns of the table for the units of one variant and slice."""
    empty = np.empty((len(NUMBERS), 0))
    arrays = [empty if each is None else each for each in found]
    first = arrays[0]
    if any(each is not first for each in arrays):  # several streams: put the rows of each unit together
        units = np.unique(np.concatenate([each[UNIT] for each in arrays]))
        arrays = [_aligned(each, units) for each in arrays]
        weight = np.ones(len(units))
    else:
        weight = first[WEIGHT]
    rest = exposed - weight.sum()
    if rest > 0:
        weight = np.append(weight, rest)
        arrays = [np.pad(each, ((0, 0), (0, 1))) for each in arrays]
    rows = len(weight)
    values = np.empty((rows, len(sources)))
    for column, (source, array) in enumerate(zip(sources, arrays, strict=True)):
        values[:, column] = _aggregated(source.aggregation, array)
    observed = np.stack([each[OUTCOMES] > 0 for each in arrays], axis=1)
    return (
        np.full(rows, place, dtype=np.intp), weight, values, observed, arrays[0][SQUARES],
        np.full(rows, slice_of, dtype=np.intp),
    )  # fmt: skip


def _aligned(array: FloatArray, units: FloatArray) -> FloatArray:
    """Return the array with a column for each of `units`, zeros for those it does not have."""
    wide = np.zeros((len(array), len(units)))
    wide[:, np.searchsorted(units, array[UNIT])] = array
    return wide


def _aggregated(aggregation: Aggregation, array: FloatArray) -> FloatArray:
    outcomes: FloatArray = array[OUTCOMES]
    total: FloatArray = array[TOTAL]
    match aggregation:
        case Aggregation.ANY:
            converted: BoolArray = array[ONES] > 0
            return converted.astype(np.float64)
        case Aggregation.SUM:
            return total
        case Aggregation.NUMBER:
            return outcomes
        case Aggregation.MEAN:
            return np.divide(total, outcomes, out=np.full_like(outcomes, np.nan), where=outcomes > 0)
