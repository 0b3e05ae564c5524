"""What a process counts and measures about itself, and its text for Prometheus.

Hot code adds to plain integers; nothing is locked, formatted or looked up before somebody scrapes. No metric carries
the name or id of a tenant, a unit, a prompt or an experiment.
"""

import logging
import os
import platform
from bisect import bisect_left
from collections.abc import Callable, Iterable
from itertools import accumulate
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from prometheus_client import Metric

logger = logging.getLogger(__name__)

BOUNDS: Final = (0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0)
"""Upper bounds of the buckets for the seconds of a request; one more bucket has no bound."""
_WIDTH = len(BOUNDS) + 1
_CLASSES = ("0xx", "1xx", "2xx", "3xx", "4xx", "5xx")
_KINDS = ("plan", "graphql-core", "refused")
PLAN, GRAPHQL_CORE, REFUSED = range(len(_KINDS))
"""Who answered a request: a compiled plan, graphql-core, or nobody because it was refused before either."""

COUNTERS: Final = {
    "selections": "Selections: one for each slot of selectVariants, one for each selectVariant.",
    "exposures_tracked": "Exposures that selection queued.",
    "exposures_spooled": "Tracked exposures that went to the local file because the database was away or slow.",
    "exposures_replayed": "Tracked exposures written from a local file to the database.",
    "exposures_dropped": "Tracked exposures that were given up: no room was left to keep them.",
    "exposures_late": "Tracked exposures that come too late: after their experiment ended, after a purge, or of none.",
    "exposures_refused": "Tracked exposures that were given up: the database refuses them for what they are.",
    "events_recorded": "Exposures and outcomes that were recorded.",
    "events_duplicate": "Exposures and outcomes that had been recorded before.",
    "events_rejected": "Exposures and outcomes that were refused.",
    "events_limited": "Exposures and outcomes that were sent back because too many waited.",
}
"""What is counted: the attributes of `Telemetry`, each shown as ``omniforge_<name>_total``."""


class Telemetry:
    """Counters that anyone may add to, and gauges that their owners offer.

    It belongs to one event loop: what other threads add may be lost.
    """

    __slots__ = ("_cells", "_gauges", "_seconds", *COUNTERS)

    selections: int
    exposures_tracked: int
    exposures_spooled: int
    exposures_replayed: int
    exposures_dropped: int
    exposures_late: int
    exposures_refused: int
    events_recorded: int
    events_duplicate: int
    events_rejected: int
    events_limited: int

    def __init__(self) -> None:
        for name in COUNTERS:
            setattr(self, name, 0)
        self._cells = [0] * (len(_KINDS) * len(_CLASSES) * _WIDTH)
        self._seconds = [0.0] * len(_KINDS)
        self._gauges: dict[str, tuple[str, Callable[[], float]]] = {}

    def request(self, kind: int, status: int, seconds: float) -> None:
        """Count a request that was answered: PLAN, GRAPHQL_CORE or REFUSED, its HTTP status and the seconds it took."""
        self._cells[(kind * 6 + status // 100) * _WIDTH + bisect_left(BOUNDS, seconds)] += 1
        self._seconds[kind] += seconds

    def gauge(self, name: str, description: str, read: Callable[[], float]) -> None:
        """Offer a gauge, shown as ``omniforge_<name>``: `read` is called at each scrape and returns its value.

        A gauge of the same name gives way. One that raises is left out of the scrape, and the log says why.
        """
        self._gauges[name] = (description, read)

    def render(self, accept: str = "") -> tuple[bytes, str]:
        """Return all metrics as text, and its media type: OpenMetrics where `accept` asks for it."""
        # A scrape comes every few seconds, and a program that serves nothing never has one.
        from prometheus_client import CollectorRegistry  # noqa: PLC0415
        from prometheus_client.exposition import choose_encoder  # noqa: PLC0415

        registry = CollectorRegistry(auto_describe=False)
        registry.register(self)
        encode, media_type = choose_encoder(accept)
        return encode(registry), media_type

    def collect(self) -> Iterable["Metric"]:
        """Yield the metrics as they are now; what `prometheus_client` asks of a collector."""
        from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily  # noqa: PLC0415

        worker = str(os.getpid())
        build = GaugeMetricFamily("omniforge_build_info", "What runs.", labels=["worker", "version", "python"])
        build.add_metric([worker, _version(), platform.python_version()], 1)
        yield build
        yield from self._requests(worker)
        for name, description in COUNTERS.items():
            counter = CounterMetricFamily(f"omniforge_{name}", description, labels=["worker"])
            counter.add_metric([worker], getattr(self, name))
            yield counter
        for name, (description, read) in self._gauges.items():
            try:
                value = read()
            except Exception:
                logger.exception("The gauge %s could not be read", name)
                continue
            gauge = GaugeMetricFamily(f"omniforge_{name}", description, labels=["worker"])
            gauge.add_metric([worker], value)
            yield gauge

    def _requests(self, worker: str) -> Iterable["Metric"]:
        from prometheus_client.core import CounterMetricFamily, HistogramMetricFamily  # noqa: PLC0415

        requests = CounterMetricFamily(
            "omniforge_requests", "HTTP requests of the API.", labels=["worker", "kind", "status"]
        )
        seconds = HistogramMetricFamily(
            "omniforge_request_seconds", "Seconds that HTTP requests of the API took.", labels=["worker", "kind"]
        )
        edges = [*map(str, BOUNDS), "+Inf"]
        for kind, label in enumerate(_KINDS):
            start = kind * len(_CLASSES)
            cells = [self._cells[row * _WIDTH : (row + 1) * _WIDTH] for row in range(start, start + len(_CLASSES))]
            for status, row in zip(_CLASSES, cells, strict=True):
                if any(row):
                    requests.add_metric([worker, label, status], sum(row))
            totals = accumulate(map(sum, zip(*cells, strict=True)))
            seconds.add_metric([worker, label], list(zip(edges, totals, strict=True)), self._seconds[kind])
        yield requests
        yield seconds


def _version() -> str:
    from importlib.metadata import PackageNotFoundError, version  # noqa: PLC0415 - only when scraped

    try:
        return version("omniforge-graph")
    except PackageNotFoundError:
        return "unknown"
