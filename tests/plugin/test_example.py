"""The plugin that docs/plugins.md writes, built and installed as a distribution of its own, does what the page says."""

import json
import os
import subprocess
import sys

import pytest

ANALYSIS = """
import json
from omniforge_graph.statistics.samples import SampleStatistics
from omniforge_graph.plugin import ComparisonDesign, Metric
from omniforge_graph.plugin.manager import load_plugins

registry = load_plugins()
(plugin,) = [each for each in registry.plugins if each.distribution == "acme-agresti-caffo"]
test = registry.test("agresti_caffo")
design = ComparisonDesign(Metric("converted"))
samples = SampleStatistics.of_rates([56, 48], [70, 80])
def interval(raw):
    found = test.compare(samples, design, registry.parse_options(test, raw, ()))
    return [float(found.lower[0]), float(found.upper[0])]
print(json.dumps({
    "status": plugin.status, "error": plugin.error, "version": plugin.version, "hooks": plugin.hooks,
    "offers": [[each.kind, each.name, each.options_schema["properties"]["added"]["default"]] for each in plugin.offers],
    "owner": registry.plugin_of(test), "default": interval(None), "wald": interval({"added": 1e-9}),
}))
"""


def run(folder, *arguments):
    environment = {**os.environ, "PYTHONPATH": str(folder)}
    done = subprocess.run([sys.executable, *arguments], env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_the_page_has_all_files_of_the_plugin(example_files):
    assert list(example_files) == ["pyproject.toml", "acme_agresti_caffo.py", "test_agresti_caffo.py"]


def test_it_is_offered_and_computes_what_its_formula_says(installed_example):
    found = json.loads(run(installed_example, "-c", ANALYSIS))
    default, wald = found.pop("default"), found.pop("wald")
    assert found == {
        "status": "LOADED",
        "error": None,
        "version": "1.0.0",
        "hooks": ["omniforge_register_statistical_tests"],
        "offers": [["STATISTICAL_TEST", "agresti_caffo", 1.0]],
        "owner": "agresti_caffo",
    }
    # 48/80 against 56/70. One success and one failure more: 49/82 - 57/72, margin z * sqrt(sum of p (1 - p) / n).
    z = 1.959963984540054
    for interval, added in ((default, 1), (wald, 0)):
        treatment, control = (48 + added) / (80 + 2 * added), (56 + added) / (70 + 2 * added)
        errors = treatment * (1 - treatment) / (80 + 2 * added) + control * (1 - control) / (70 + 2 * added)
        expected = [treatment - control + sign * z * errors**0.5 for sign in (-1, 1)]
        assert interval == pytest.approx(expected, abs=1e-9)


def test_it_passes_the_contract_as_the_page_says(example_files, installed_example, tmp_path):
    (tmp_path / "test_agresti_caffo.py").write_text(example_files["test_agresti_caffo.py"], encoding="utf-8")
    arguments = ("-m", "pytest", "-q", "-p", "no:cacheprovider", "-c", os.devnull, "--rootdir", str(tmp_path))
    assert "30 passed" in run(installed_example, *arguments, str(tmp_path))


WITH_THE_ANALYZER = """
import json
from datetime import UTC, datetime
import numpy as np
from omniforge_graph import ExperimentAnalyzer
from omniforge_graph.domain.experiment import PromptExperiment, Variant
from omniforge_graph.domain.metric import Metric
from omniforge_graph.domain.plan import AllocationPlan, AnalysisPlan
from omniforge_graph.domain.shares import lay_out
from omniforge_graph.domain.measurement import MeasuredSamples
from omniforge_graph.statistics.samples import SampleStatistics

experiment = PromptExperiment(
    id="e", prompt_id="p", name="n",
    variants=(Variant("a", "A", "v1", 5000, is_control=True), Variant("b", "B", "v2", 5000)),
    metrics=(Metric("converted"),),
    allocation=AllocationPlan("seed", (lay_out([("a", 5000), ("b", 5000)]),)),
    created_at=datetime(2024, 1, 1, tzinfo=UTC), created_by="me",
    analysis=AnalysisPlan(test="agresti_caffo", options={"added": 2.0}),
)
units = np.array([70.0, 80.0])
measured = MeasuredSamples(SampleStatistics.of_rates([56, 48], units), units, np.zeros(2))
result = ExperimentAnalyzer().analyze(experiment, {"converted": measured})
(comparison,) = result.comparisons
estimate = comparison.absolute_effect.estimate
print(json.dumps([result.test, comparison.treatment_id, estimate, comparison.p_value < 0.01]))
"""


def test_the_analyzer_judges_an_experiment_by_it(installed_example):
    test, treatment, estimate, is_small = json.loads(run(installed_example, "-c", WITH_THE_ANALYZER))
    assert (test, treatment, is_small) == ("agresti_caffo", "b", True)
    assert estimate == pytest.approx(50 / 84 - 58 / 74, abs=1e-12)
