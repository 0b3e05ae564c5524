"""All use cases over one repository, wired once: what a door needs to serve."""

from dataclasses import dataclass

from omniforge_graph.plugin.registry import PluginRegistry
from omniforge_graph.services.allocator import TrafficAllocator
from omniforge_graph.services.analyses import AnalysisService
from omniforge_graph.services.analyzer import ExperimentAnalyzer
from omniforge_graph.services.broker import ExperimentBroker
from omniforge_graph.services.feed import ChangeFeed
from omniforge_graph.services.identity import Clock, utc_now
from omniforge_graph.services.ingestion import BACKLOG
from omniforge_graph.services.keeper import SnapshotKeeper
from omniforge_graph.services.manager import ExperimentManager
from omniforge_graph.services.metrics import MetricCatalog
from omniforge_graph.services.prompts import PromptManager
from omniforge_graph.services.recorder import EventRecorder
from omniforge_graph.services.repository import PromptRepository
from omniforge_graph.services.selector import Selector
from omniforge_graph.services.spool import Spool
from omniforge_graph.services.standby import SnapshotStore, Standby
from omniforge_graph.services.tracker import ExposureTracker
from omniforge_graph.telemetry import Telemetry


@dataclass(frozen=True, slots=True)
class Services:
    """Every use case, sharing one change feed and one registry of plugins."""

    repository: PromptRepository
    registry: PluginRegistry
    feed: ChangeFeed
    prompts: PromptManager
    metrics: MetricCatalog
    experiments: ExperimentManager
    selector: Selector
    recorder: EventRecorder
    tracker: ExposureTracker
    analyses: AnalysisService
    broker: ExperimentBroker
    standby: Standby
    telemetry: Telemetry


def assemble(
    repository: PromptRepository,
    registry: PluginRegistry,
    *,
    refresh_interval: float = 1.0,
    flush_interval: float = 0.2,
    ingest_backlog: int = BACKLOG,
    clock: Clock = utc_now,
    spool: Spool | None = None,
    snapshots: SnapshotStore | None = None,
    telemetry: Telemetry | None = None,
) -> Services:
    """Wire the services; nothing runs and nothing is read until it is used."""
    telemetry = telemetry or Telemetry()
    feed = ChangeFeed(repository, refresh_interval)
    allocator = TrafficAllocator(registry)
    keeper = SnapshotKeeper(repository, allocator)
    broker = ExperimentBroker(repository, feed)
    # Selection first: a subscriber told of a change must find it in force.
    feed.follow(keeper)
    feed.follow(broker)
    standby = Standby(snapshots, keeper, feed, clock)
    feed.follow(standby)
    selector = Selector(keeper, feed, telemetry)
    _offer_gauges(telemetry, selector, feed, broker)
    analyses = AnalysisService(repository, registry, ExperimentAnalyzer(registry), clock=clock)
    return Services(
        repository=repository,
        registry=registry,
        feed=feed,
        prompts=PromptManager(repository, registry=registry, feed=feed, clock=clock),
        metrics=MetricCatalog(repository),
        experiments=ExperimentManager(
            repository, registry=registry, feed=feed, selector=selector, analyses=analyses, clock=clock
        ),
        selector=selector,
        recorder=EventRecorder(
            repository, registry=registry, allocator=allocator, clock=clock, backlog=ingest_backlog, telemetry=telemetry
        ),
        tracker=ExposureTracker(
            repository, registry, interval=flush_interval, clock=clock, spool=spool, telemetry=telemetry
        ),
        analyses=analyses,
        broker=broker,
        standby=standby,
        telemetry=telemetry,
    )


def _offer_gauges(telemetry: Telemetry, selector: Selector, feed: ChangeFeed, broker: ExperimentBroker) -> None:
    offer, standing = telemetry.gauge, selector.standing
    offer("snapshot_age_seconds", "Since selection was last known to be up to date.", lambda: standing().age)
    offer(
        "snapshot_saved", "1 while selection serves a saved snapshot.", lambda: float(standing().saved_at is not None)
    )
    offer("experiments_running", "Experiments that selection assigns units to.", lambda: standing().running)
    offer("feed_lag_seconds", "Since the change feed was last read; beyond the interval it lags.", lambda: feed.age)
    offer("feed_sequence", "The newest change in force here.", lambda: feed.sequence or 0)
    offer("subscriptions_open", "Subscriptions to experiments.", lambda: broker.subscribers)
