"""The growth of an analysis is measured on what it says it is."""

import json

from tests.benchmarks.databases import engines
from tests.benchmarks.growth import measure_growth
from tests.benchmarks.measuring import Plan
from tests.benchmarks.report import as_json, growth_table


def test_each_engine_is_measured_for_growing_outcomes_and_for_growing_units(tmp_path):
    rows = measure_growth(tmp_path, (20, 60), (20, 40), lambda _: None)
    assert [(row.engine, row.units, row.outcomes) for row in rows] == [
        (engine, *sizes) for engine in engines() for sizes in ((20, 20), (20, 60), (40, 40))
    ]
    assert all(row.seconds > 0 for row in rows)
    assert growth_table(rows).row_count == len(rows)
    assert len(json.loads(as_json([], Plan(), growth=rows))["growth"]) == len(rows)
