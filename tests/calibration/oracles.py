"""Expected values that nobody here wrote, through the adapter of the oracle tests."""

import importlib.util
import json
from pathlib import Path
from types import ModuleType

from tests.calibration.checking import Band, Check, Generator, Row

ROOT = Path(__file__).parents[2]
ORACLES = ROOT / ".." / "shared" / "oracles" / "statistics"
CASES = 83


def checks() -> list[Check]:
    """Return the checks of this module."""
    return [
        Check(
            (Row(f"expected values of other people's software met, of {CASES}", Band(CASES, CASES), "n/a", digits=0),),
            _met,
        )
    ]


def _load(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _met(_: Generator, __: int) -> tuple[float] | None:
    if not ORACLES.is_dir():
        return None
    judge, solve = _load(ORACLES / "check_oracles.py"), _load(ROOT / "tests" / "oracles" / "adapter.py").solve
    cases = json.loads((ORACLES / "cases.json").read_text(encoding="utf-8"))["cases"]
    met = 0
    for case in cases:
        answer = error = None
        try:
            answer = solve(case["method"], judge.dec(case["inputs"]))
        except Exception as problem:  # noqa: BLE001 - the judge decides whether it was the right one
            error = problem
        met += judge.judge(case, answer, error)[0]
    return (float(met),)
