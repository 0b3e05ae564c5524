"""The published vectors: what they say comes from a slow twin of the rules, and the engine agrees with them.

``python tests/vectors/test_vectors.py`` writes them anew.
"""

import hashlib
import json
from datetime import UTC, datetime
from fractions import Fraction
from itertools import accumulate, count
from pathlib import Path

import pytest
import xxhash

from omniforge_graph.domain.bucketing import HashAlgorithm, point
from omniforge_graph.domain.experiment import PromptExperiment, Variant
from omniforge_graph.domain.metric import Metric
from omniforge_graph.domain.plan import AllocationPlan
from omniforge_graph.domain.shares import Phase, Range
from omniforge_graph.plugin.manager import load_plugins
from omniforge_graph.services.allocator import TrafficAllocator

FOLDER = Path(__file__).parent
ALGORITHMS = ("XXH3_64", "SHA_256")
UNITS = (
    "a",
    "0",
    " ",
    "tenant-1",
    "tenant-2",
    "Tenant-1",
    "tenant-1 ",
    "42",
    "018f6d2e-7c1a-7b3e-9f00-5d1c2b3a4e5f",
    "name@example.com",
    ":",
    "a:b",
    "b:c:d",
    "Zoë",
    "Zoe\u0308",
    "東京",
    "مستأجر",
    "🎉",
    "👩‍👩‍👧",
    "line\nbreak and\ttab",
    'quote " and \\ backslash',
    "twenty characters ok",
    "long " * 20,
    "longer " * 25,
    "x" * 256,
    "🎉" * 256,
)
SEEDS = ("s", "seed", "018f6d2e7c1a7b3e", "A.b_c-9", "s" * 64)
WHOLE_LINE = 10_000

# ---------------------------------------------------------------- the twin: hexadecimal digests and exact fractions


def hash_of(algorithm, seed, unit):
    data = (seed + ":" + unit).encode("utf-8")
    return xxhash.xxh3_64_hexdigest(data) if algorithm == "XXH3_64" else hashlib.sha256(data).hexdigest()[:16]


def point_53(algorithm, seed, unit):
    return int(hash_of(algorithm, seed, unit), 16) // 2**11


def exact_point(algorithm, seed, unit):
    return Fraction(point_53(algorithm, seed, unit), 2**53)


def owner(case, unit):
    place = exact_point(case["algorithm"], case["seed"], unit)
    if case["strategy"] == "even":
        return int(place * case["variants"])
    return next(r["variant"] for r in case["ranges"] if place * WHOLE_LINE < r["end"])


def ranges_of(shares):
    ends = list(accumulate(shares))
    return [{"variant": i, "start": e - s, "end": e} for i, (s, e) in enumerate(zip(shares, ends, strict=True))]


def make_points():
    return {
        "description": "hash = first 64 bits of the digest of UTF-8(seed + ':' + unit), as 16 hexadecimal digits; "
        "point53 = hash without its lowest 11 bits (hash >> 11); point = point53 / 2^53, exact in a double.",
        "vectors": [
            {
                "algorithm": algorithm,
                "seed": seed,
                "unit": unit,
                "hash": hash_of(algorithm, seed, unit),
                "point53": point_53(algorithm, seed, unit),
                "point": float(exact_point(algorithm, seed, unit)),
            }
            for algorithm in ALGORITHMS
            for seed in SEEDS
            for unit in UNITS
        ],
    }


def make_assignments():
    layouts = [
        ("weighted", ranges_of([5000, 5000])),
        ("weighted", ranges_of([5000, 3000, 2000])),
        ("weighted", ranges_of([3334, 3333, 3333])),
        ("weighted", ranges_of([9999, 1])),
        ("weighted", ranges_of([1, 9998, 1])),
        # A later phase: 50/30/20 became 40/30/30 by moving one stretch from the first variant to the third.
        (
            "weighted",
            [
                {"variant": 0, "start": 0, "end": 4000},
                {"variant": 2, "start": 4000, "end": 5000},
                {"variant": 1, "start": 5000, "end": 8000},
                {"variant": 2, "start": 8000, "end": 10000},
            ],
        ),
        ("even", ranges_of([5000, 3000, 2000])),
        ("even", ranges_of([9994, 1, 1, 1, 1, 1, 1])),
    ]
    cases = []
    for algorithm in ALGORITHMS:
        for number, (strategy, ranges) in enumerate(layouts, 1):
            variants = 1 + max(r["variant"] for r in ranges)
            case = {
                "algorithm": algorithm,
                "seed": f"experiment-{number}",
                "strategy": strategy,
                "variants": variants,
                "ranges": ranges,
            }
            rare = (next(u for i in count() if owner(case, u := f"unit-{i}") == v) for v in range(variants))
            units = list(dict.fromkeys([*filter(str.strip, UNITS[:20]), *rare]))
            cases.append({**case, "assignments": [{"unit": unit, "variant": owner(case, unit)} for unit in units]})
    return {
        "description": "weighted: the variant whose range [start, end) holds floor(point x 10000). "
        "even: floor(point x variants); the ranges are ignored. Variants count from 0.",
        "experiments": cases,
    }


MADE = {"points.json": make_points, "assignments.json": make_assignments}


def as_text(value):
    return json.dumps(value, ensure_ascii=True, indent=1) + "\n"


def read(name):
    return json.loads((FOLDER / name).read_text(encoding="utf-8"))


# ---------------------------------------------------------------- the tests


@pytest.mark.parametrize("name", MADE)
def test_the_files_are_what_the_twin_says(name):
    assert (FOLDER / name).read_text(encoding="utf-8") == as_text(MADE[name]())


def _published(name, key):
    path = FOLDER / name
    return read(name)[key] if path.exists() else []


@pytest.mark.parametrize("vector", _published("points.json", "vectors"), ids=lambda v: f"{v['algorithm']}-{v['hash']}")
def test_the_engine_agrees_on_points(vector):
    found = point(HashAlgorithm(vector["algorithm"]), vector["seed"], vector["unit"])
    assert found == vector["point"]
    assert found * 2**53 == vector["point53"]
    assert 0 <= vector["point53"] < 2**53


@pytest.mark.parametrize(
    "case", _published("assignments.json", "experiments"), ids=lambda c: f"{c['algorithm']}-{c['strategy']}-{c['seed']}"
)
def test_the_engine_agrees_on_assignments(case):
    spans = [Range(f"v{r['variant']}", r["start"], r["end"]) for r in case["ranges"]]
    phase = Phase(1, tuple(spans))
    experiment = PromptExperiment(
        id="e",
        prompt_id="p",
        name="vectors",
        variants=tuple(
            Variant(f"v{i}", f"v{i}", f"version-{i}", phase.share_of(f"v{i}"), is_control=i == 0)
            for i in range(case["variants"])
        ),
        metrics=(Metric("converted"),),
        allocation=AllocationPlan(
            seed=case["seed"],
            phases=(phase,),
            strategy=case["strategy"],
            hash_algorithm=HashAlgorithm(case["algorithm"]),
        ),
        created_at=datetime(2024, 1, 1, tzinfo=UTC),
        created_by="vectors",
    )
    allocator = TrafficAllocator(load_plugins())
    found = [allocator.allocate(experiment, each["unit"]) for each in case["assignments"]]
    assert found == [f"v{each['variant']}" for each in case["assignments"]]
    assert {each["variant"] for each in case["assignments"]} == set(range(case["variants"]))


def test_the_vectors_reach_every_code_path_of_xxh3():
    # XXH3 treats inputs of 1-3, 4-8, 9-16, 17-128, 129-240, 241-1024 and more bytes differently.
    lengths = [len(f"{v['seed']}:{v['unit']}".encode()) for v in read("points.json")["vectors"]] + [
        len(f"{case['seed']}:{a['unit']}".encode())
        for case in read("assignments.json")["experiments"]
        for a in case["assignments"]
    ]
    for low, high in [(1, 3), (4, 8), (9, 16), (17, 128), (129, 240), (241, 1024), (1025, 1 << 20)]:
        assert any(low <= length <= high for length in lengths), f"no input of {low} to {high} bytes"


if __name__ == "__main__":
    for name, make in MADE.items():
        (FOLDER / name).write_text(as_text(make()), encoding="utf-8")
