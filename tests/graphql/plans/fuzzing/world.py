"""A world to ask about: something of everything, in any repository, with a clock that stands still."""

from collections.abc import Mapping, Sequence
from copy import copy
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any
from unittest.mock import patch
from uuid import UUID

from omniforge_graph.domain.caller import Caller
from omniforge_graph.domain.event import ExposureEvent, OutcomeEvent
from omniforge_graph.domain.experiment import PromptExperiment
from omniforge_graph.domain.metric import Aggregation, Cap, Direction, Metric, MetricKind
from omniforge_graph.domain.plan import AnalysisPlan, Guardrail, Monitoring
from omniforge_graph.domain.prompt import Prompt, PromptDraft, VersionDraft
from omniforge_graph.graphql.connections import encode_cursor
from omniforge_graph.plugin.registry import PluginRegistry
from omniforge_graph.services import identity
from omniforge_graph.services.assembly import Services, assemble
from omniforge_graph.services.repository import PromptRepository
from omniforge_graph.testing import MemoryRepository

MANY, FEW = (250, 320), (20, 40)
"""The units exposed at the first and at the second look: enough for looks that count, or not."""
STRANGE = 'Zoë says "\\u0000"\t\\ <b>\u2028 \U0001f600 \x7f'
METRICS = (
    Metric("won", MetricKind.BINARY),
    Metric("cost", MetricKind.CONTINUOUS, Direction.LOWER_IS_BETTER, cap=Cap(upper=9.5), description=STRANGE),
    Metric("quality", MetricKind.CONTINUOUS, aggregation=Aggregation.MEAN, covariates=("cost",)),
    Metric("calls", MetricKind.COUNT),
    Metric("cost_per_call", MetricKind.RATIO, numerator="cost", denominator="calls"),
    Metric("slow", MetricKind.QUANTILE, Direction.LOWER_IS_BETTER, quantile=0.9),
)


class Clock:
    """Moves by a second at each look at it until it is stopped."""

    def __init__(self) -> None:
        self.now = datetime(2026, 3, 1, 12, 30, tzinfo=UTC)
        self.step = timedelta(seconds=1)

    def __call__(self) -> datetime:
        self.now += self.step
        return self.now


@dataclass
class World:
    """What there is, so that questions can name it."""

    clock: Clock
    prompts: list[Prompt] = field(default_factory=list)
    versions: list[str] = field(default_factory=list)
    experiments: list[PromptExperiment] = field(default_factory=list)

    def pools(self, caller: Caller) -> Mapping[str, Sequence[Any]]:
        """Return what makes sense for this caller as an argument or field, by ``Type.field.argument`` or by name."""
        prompts = [each.id for each in self.prompts if caller.may_see(each.tenant_id)]
        shared = [each.id for each in self.prompts if not each.tenant_id]
        experiments = [each.id for each in self.experiments if caller.may_see(each.tenant_id)]
        cursors = {name: [encode_cursor(each) for each in ids] for name, ids in (("p", prompts), ("e", experiments))}
        numbers = [encode_cursor(str(number)) for number in (2, 1, 3)]
        keys = ["greeting", "support", "bare"]
        slots = [
            [{"slot": "system", "promptKey": "greeting"}],
            [{"slot": "system", "promptId": shared[0]}, {"slot": STRANGE, "promptKey": "bare"}],
            [{"slot": "a", "promptKey": "bare"}, {"slot": "tenant", "promptKey": "greeting"}],
            [{"slot": f"s{n}", "promptKey": keys[n % 3]} for n in range(7)],
            [{"slot": "agent", "promptId": each} for each in shared[1:2]],
        ]
        return {
            "Query.prompt.id": prompts,
            "Query.experiment.id": experiments,
            "Query.selectVariant.prompts": slots,
            "Query.selectVariants.prompts": slots,
            "Query.prompts.after": cursors["p"],
            "Query.prompts.before": cursors["p"],
            "Query.experiments.after": cursors["e"],
            "Query.experiments.before": cursors["e"],
            "Prompt.versions.after": numbers,
            "Prompt.versions.before": numbers,
            "key": keys,
            "promptId": shared,
            "promptKey": keys,
            "promptVersionId": self.versions,
            "experimentId": experiments,
            "tenantId": ["acme", "globex", "u1", "u2", "u3"] if caller.tenant_id is None else [caller.tenant_id],
            "unitId": [*(f"u{n}" for n in range(12)), "newcomer", 7],
            "metric": ["won", "cost", "calls", "quality", "won"],
            "test": ["z_test", "welch_t", "bayesian", "chi_square"],
            "dimension": ["plan", "language"],
            "eventId": [*(f"e{n}" for n in range(6)), 3],
            "slot": ["system", "tenant", "agent", STRANGE],
            "first": [1, 2, 3, 5, 100],
            "last": [1, 2, 3, 5, 100],
            "occurredAt": ["2026-03-01T12:40:00Z", "2026-03-01T14:00:00.5+01:00", "2026-02-01T00:00:00", "2030-01-01"],
            "attributes": [{"plan": "pro"}, {"plan": "free", "n": 1.5}, {"beta": True}, {}, {"language": "é"}],
            "value": [0, 1, 1.0, 0.5, -2, 1e300],
        }


ASTRAY: Mapping[str, Sequence[Any]] = {
    "after": ["bm8=", "", encode_cursor("9" * 30), encode_cursor("\x00")],
    "before": ["bm8=", "no cursor", encode_cursor("x")],
    "first": [0, -1, 101, 2**31 - 1],
    "last": [0, -1, 101],
    "id": ["prm_0", "exp_0", "", "\x00", 5],
    "key": ["nothing", "tools", ""],
    "promptKey": ["nothing", "tools", "", "\x00"],
    "promptId": ["prm_0", 7],
    "tenantId": ["acme", "", "x" * 300, "\x00"],
    "unitId": ["", "x" * 300],
    "experimentId": ["exp_0", ""],
    "metric": ["nothing", "slow", "cost_per_call", "", "a b"],
    "test": ["no_such_test", ""],
    "dimension": ["nothing", "a b", ""],
    "attributes": [{"a b": 1}, [1], "text", {"plan": {}}, {"plan": "x" * 300}, {f"k{n}": n for n in range(21)}],
    "value": [float("inf"), "1", True],
    "prompts": [[], [{"slot": f"s{n}", "promptKey": "bare"} for n in range(101)], [{"slot": "a"}], [{}]],
}
"""What programs that use these arguments get wrong, by name."""

CHOICES: Mapping[str, Sequence[tuple[str, ...]]] = {
    "Query.prompt": [("id",), ("key",), ("key", "tenantId")],
    "Query.prompts": [(), ("first",), ("first", "after"), ("last",), ("last", "before"), ("first", "tenantId")],
    "Query.experiments": [
        ("filter", "first"),
        ("first",),
        ("first", "after"),
        ("last",),
        ("last", "before"),
        ("tenantId", "last"),
    ],
    "Experiment.analysis": [(), ("metric",), ("test",), ("metric", "test")],
    "Prompt.versions": [(), ("first",), ("first", "after"), ("last",), ("last", "before")],
    "Query.selectVariant": [
        ("prompts", "tenantId"),
        ("prompts", "tenantId", "unitId"),
        ("prompts", "tenantId", "track", "attributes"),
    ],
    "PromptSlotInput": [("slot", "promptId"), ("slot", "promptKey")],
}
"""Arguments, and fields of inputs, that make sense together."""

SHAPES: Mapping[str, Sequence[Mapping[str, Any]]] = {
    "AnalyzeInput": [
        {"kind": "BINARY", "variants": [{"name": n, "units": 90, "conversions": 9} for n in "ab"]},
        {
            "kind": "BINARY",
            "variants": [
                {"name": "a", "units": 1000, "conversions": 100, "isControl": True},
                {"name": STRANGE, "units": 1000, "conversions": 150},
            ],
            "test": "bayesian",
        },
        {
            "kind": "CONTINUOUS",
            "variants": [
                {"name": n, "units": 50, "mean": m, "standardDeviation": 2} for n, m in (("a", 3), ("b", 4.5))
            ],
        },
    ],
    "SampleSizeInput": [
        {"kind": "BINARY", "baseline": 0.1, "minimumDetectableEffect": 0.02, "dailyUnits": 500},
        {"kind": "CONTINUOUS", "baseline": 10, "minimumDetectableEffect": 1, "standardDeviation": 4, "variants": 3},
        {"kind": "BINARY", "baseline": 0.1, "totalUnits": 4000, "shares": [50, 50]},
    ],
}
"""Inputs whose fields must fit together to mean anything, by type."""


async def build(services: Services, clock: Clock) -> World:
    """Fill an empty repository, with the same ids each time, and stop the clock."""
    numbers = (UUID(int=number) for number in count(1))
    with patch.object(identity.uuid_utils, "uuid7", lambda: next(numbers)):
        world = await _fill(services, clock)
    clock.step = timedelta(0)
    return world


async def _fill(services: Services, clock: Clock) -> World:
    world, ann = World(clock), Caller("ann", request_id="r-1")
    for metric in METRICS:
        await services.metrics.declare(metric, caller=ann)
    for key, tenant in (
        ("greeting", None),
        ("greeting", "acme"),
        ("support", None),
        ("tools", "globex"),
        ("bare", None),
    ):
        parameters = {"temperature": 0.5, "stop": ["\n", STRANGE], "nested": {"b": None, "a": [1, 2.0, True]}}
        first = VersionDraft(f"{key} {tenant}: {STRANGE}", parameters=parameters, model="gpt")
        draft = PromptDraft(key, key.title(), first, tenant_id=tenant, layer="system" if tenant else None)
        prompt = await services.prompts.create_prompt(draft, caller=Caller("ann", tenant))
        made = [await services.prompts.create_version(prompt.id, VersionDraft(f"v{n}", message="why")) for n in (2, 3)]
        world.prompts.append(prompt)
        world.versions += [prompt.current_version_id, *(version.id for version in made)]
    await _experiments(services, world)
    repository = services.repository
    fresh = await repository.get_prompts([prompt.id for prompt in world.prompts])
    world.prompts = [fresh[prompt.id] for prompt in world.prompts]
    found = await repository.get_experiments([experiment.id for experiment in world.experiments])
    world.experiments = [found[experiment.id] for experiment in world.experiments]
    return world


async def _experiments(services: Services, world: World) -> None:
    """Make one experiment of each status, some with data, one whose variant was promoted."""
    manager, plan = services.experiments, AnalysisPlan(goals=("cost",), guardrails=(Guardrail("calls", 0.2),))
    planned = AnalysisPlan(horizon=1000, monitoring=Monitoring.GROUP_SEQUENTIAL, test="z_test")
    greeting, own, support, tools, bare = range(5)
    wanted = [
        (greeting, "won", (50, 50), planned, ("start",)),
        (own, "won", (20, 30, 50), plan, ("start",)),
        (support, "quality", (50, 50), None, ("start", "stop")),
        (support, "cost_per_call", (60, 40), None, ("start", "complete")),
        (tools, "slow", (50, 50), None, ("start", "promote")),
        (bare, "won", (99.99, 0.01), None, ("cancel",)),
        (bare, "calls", (50, 50), None, ()),
    ]
    for number, (place, metric, shares, analysis, life) in enumerate(wanted):
        prompt, caller = world.prompts[place], Caller("bob", world.prompts[place].tenant_id)
        variants = [
            {"name": f"v{n}", "prompt_version_id": world.versions[3 * place + n], "traffic_percentage": share}
            for n, share in enumerate(shares)
        ]
        more = [each for each in METRICS if each.key in ("won", "cost", "calls", metric)]
        experiment = await manager.create_experiment(
            prompt.id, f"{number} {STRANGE}", "why not", metric, variants, "ann", metrics=more, analysis=analysis
        )
        world.experiments.append(experiment)
        for step in life:
            if step == "start":
                await manager.start_experiment(experiment.id, caller=caller)
                await _events(services, experiment, MANY if number == 0 else FEW)
            elif step == "stop":
                await manager.stop_experiment(experiment.id, caller=caller)
            elif step == "complete":
                await manager.complete_experiment(experiment.id, caller=caller)
            elif step == "cancel":
                await manager.cancel_experiment(experiment.id, caller=caller)
            else:
                await manager.promote(experiment.id, experiment.variants[1].id, "bob", caller=caller)


async def _events(services: Services, experiment: PromptExperiment, looks: Sequence[int]) -> None:
    """Expose units, with attributes to slice by, record outcomes, and look at the results as more arrive."""
    recorder, plans, start = services.recorder, ("free", "pro", "team"), 0
    running = (await services.repository.get_experiments([experiment.id]))[experiment.id]
    for end in looks:
        units, start = range(start, end), end
        await recorder.record_exposures(
            [ExposureEvent(running.id, f"u{n}", attributes={"plan": plans[n % 3]} if n % 7 else {}) for n in units]
        )
        await recorder.record_outcomes(
            [
                OutcomeEvent(f"u{n}", metric, value, experiment_id=running.id)
                for n in units
                for metric, value in (("won", n % 2), ("cost", 1 + n % 5 / 4), ("calls", n % 4), ("quality", n / 9))
            ]
        )
        await services.analyses.analyze(running)


async def make_look_due(services: Services, experiment: PromptExperiment) -> None:
    """Expose so many more units to the first experiment that the next analysis of it is a look that counts."""
    await services.recorder.record_exposures([ExposureEvent(experiment.id, f"late{n}") for n in range(80)])


def serve(repository: PromptRepository, registry: PluginRegistry, clock: Clock) -> Services:
    """Return the use cases over a repository; nothing is read anew behind their back."""
    return assemble(repository, registry, refresh_interval=3600.0, clock=clock)


def copy_of(repository: MemoryRepository) -> MemoryRepository:
    """Return a repository of its own with the same in it; the values never change, only what holds them does."""
    copied = MemoryRepository()
    for name, value in vars(repository).items():
        setattr(copied, name, copy(value))
    copied._looks = {each: dict(looks) for each, looks in repository._looks.items()}
    return copied
