"""The pieces of the event loop are measured on the batches they are said to be of."""

import json

from tests.benchmarks.databases import engines
from tests.benchmarks.measuring import Plan
from tests.benchmarks.pieces import kinds, measure_pieces
from tests.benchmarks.report import as_json, pieces_table


def test_each_kind_of_batch_is_measured_on_each_engine(tmp_path):
    rows = measure_pieces(tmp_path, rounds=1, size=20, told=lambda _: None)
    assert [(row.engine, row.batch) for row in rows] == [(each, kind) for each in engines() for kind in kinds("", 1)]
    assert all(0 < row.usual <= row.longest and row.took > 0 for row in rows)
    assert pieces_table(rows).row_count == len(rows)
    assert len(json.loads(as_json([], Plan(), pieces=rows))["pieces"]) == len(rows)
