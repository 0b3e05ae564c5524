"""What a process counts, and how it shows it to Prometheus."""

import logging
import os

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
from prometheus_client.parser import text_string_to_metric_families as parse

from omniforge_graph.telemetry import BOUNDS, COUNTERS, GRAPHQL_CORE, PLAN, REFUSED, Telemetry

KINDS = {PLAN: "plan", GRAPHQL_CORE: "graphql-core", REFUSED: "refused"}


def samples(telemetry: Telemetry) -> dict[tuple, float]:
    """Return the values by name and labels but for the worker's, which is always ours."""
    text, media_type = telemetry.render()
    assert media_type.startswith("text/plain; version=0.0.4")
    found = {}
    for family in parse(text.decode()):
        for sample in family.samples:
            labels = dict(sample.labels)
            assert labels.pop("worker") == str(os.getpid())
            key = (sample.name, *sorted(labels.items()))
            assert key not in found
            found[key] = sample.value
    return found


def test_everything_begins_at_zero() -> None:
    found = samples(Telemetry())
    build = [key for key in found if key[0] == "omniforge_build_info"]
    assert len(build) == 1
    assert found.pop(build[0]) == 1
    assert set(found.values()) == {0}
    assert {f"omniforge_{name}_total" for name in COUNTERS} < {key[0] for key in found}


@pytest.mark.parametrize("name", COUNTERS)
def test_a_counter_shows_what_was_added(name) -> None:
    telemetry = Telemetry()
    setattr(telemetry, name, getattr(telemetry, name) + 3)
    found = samples(telemetry)
    assert found[(f"omniforge_{name}_total",)] == 3
    assert sum(found.values()) == 3 + 1


@given(
    st.lists(
        st.tuples(
            st.sampled_from(sorted(KINDS)),
            st.integers(100, 599),
            st.floats(0, 20) | st.sampled_from(BOUNDS),
        )
    )
)
def test_requests_are_counted_by_kind_and_status_and_their_seconds_by_kind(requests) -> None:
    telemetry = Telemetry()
    for request in requests:
        telemetry.request(*request)
    found = samples(telemetry)
    for kind, label in KINDS.items():
        seconds = [taken for each, _, taken in requests if each == kind]
        for bound in (*BOUNDS, float("inf")):
            edge = "+Inf" if bound == float("inf") else str(bound)
            bucket = found["omniforge_request_seconds_bucket", ("kind", label), ("le", edge)]
            assert bucket == sum(taken <= bound for taken in seconds)
        assert found["omniforge_request_seconds_count", ("kind", label)] == len(seconds)
        assert found["omniforge_request_seconds_sum", ("kind", label)] == pytest.approx(sum(seconds))
        for hundred in range(1, 6):
            key = ("omniforge_requests_total", ("kind", label), ("status", f"{hundred}xx"))
            expected = sum(each == kind and status // 100 == hundred for each, status, _ in requests)
            assert found.get(key, 0) == expected


def test_a_gauge_is_read_at_each_scrape() -> None:
    telemetry = Telemetry()
    waiting = [1]
    telemetry.gauge("waiting", "What waits.", lambda: len(waiting))
    assert samples(telemetry)[("omniforge_waiting",)] == 1
    waiting.append(2)
    assert samples(telemetry)[("omniforge_waiting",)] == 2
    telemetry.gauge("waiting", "What waits elsewhere.", lambda: float("inf"))
    assert samples(telemetry)[("omniforge_waiting",)] == float("inf")


def test_a_gauge_that_fails_spoils_no_scrape(caplog) -> None:
    telemetry = Telemetry()
    telemetry.gauge("broken", "Fails.", lambda: 1 / 0)
    telemetry.gauge("sound", "Works.", lambda: 7)
    with caplog.at_level(logging.ERROR):
        found = samples(telemetry)
    assert found[("omniforge_sound",)] == 7
    assert ("omniforge_broken",) not in found
    assert "omniforge_broken" not in caplog.text
    assert "The gauge broken could not be read" in caplog.text


def test_openmetrics_is_spoken_to_those_who_ask() -> None:
    telemetry = Telemetry()
    telemetry.selections = 5
    text, media_type = telemetry.render("application/openmetrics-text; version=1.0.0")
    assert media_type.startswith("application/openmetrics-text; version=1.0.0")
    families = {family.name: family for family in parse_openmetrics(text.decode())}
    (sample,) = families["omniforge_selections"].samples
    assert sample.value == 5
