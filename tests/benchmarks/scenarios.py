"""What is asked of the server."""

from dataclasses import dataclass
from typing import Any

import msgspec

from tests.benchmarks.load import FRESH
from tests.benchmarks.world import EXPERIMENTS, World

SELECT = """
query ($prompts: [PromptSlotInput!]!, $tenantId: ID!, $track: Boolean!) {
  selectVariant(prompts: $prompts, tenantId: $tenantId, track: $track) {
    slot reason experimentId variantId variantName promptVersion { id number content }
  }
}"""
SELECT_WITH_PROMPT = SELECT.replace("number content", "number content prompt { key }")
SELECT_ALL = """
query ($prompts: [PromptSlotInput!]!, $tenantId: ID!) {
  selectVariants(prompts: $prompts, tenantId: $tenantId, track: false) {
    slot reason experimentId variantId variantName promptVersion { id number content }
  }
}"""
ANALYSIS = """
query ($id: ID!) {
  experiment(id: $id) {
    analysis {
      metric { key } test isSignificant sampleSizeSufficient requiredUnits winner { name }
      recommendation { verdict summary reasons }
      sampleRatio { pValue mismatch observed expected }
      variantStats { variant { name } units mean standardError conversionRate conversions }
      comparisons {
        treatment { name } control { name } pValue adjustedPValue isSignificant
        absoluteEffect { estimate lower upper } relativeEffect { estimate lower upper }
      }
      notices { code message }
    }
  }
}"""
LIST = """
query ($first: Int!) {
  experiments(first: $first) {
    totalCount
    pageInfo { hasNextPage endCursor }
    edges { node { id name status prompt { id key } variants { id name exposureCount promptVersion { number } } } }
  }
}"""
DASHBOARD = """
query ($first: Int!) {
  experiments(first: $first) {
    totalCount
    pageInfo { hasNextPage hasPreviousPage startCursor endCursor }
    edges {
      cursor
      node {
        id name description status revision createdAt createdBy startDate endDate results
        prompt {
          id key name currentVersion { id number }
          versions(first: 5) { edges { node { id number message createdAt } } }
        }
        successMetric { key kind direction }
        metrics { key kind direction }
        allocation { strategy seed }
        analysisPlan { test confidenceLevel power }
        variants { id name trafficPercentage isControl exposureCount promptVersion { id number content } }
        promotedVariant { id name }
      }
    }
  }
}"""
RECORD = """
mutation ($input: RecordOutcomesInput!) {
  recordOutcomes(input: $input) { accepted duplicates rejected { index code message } }
}"""


@dataclass(frozen=True, slots=True)
class Scenario:
    """Requests of one kind."""

    name: str
    bodies: tuple[bytes, ...]
    starts: bytes
    """How each good answer begins."""
    connections: int = 64
    uses_database: bool = True
    """Whether the engine matters, so that it is measured on each."""
    events: int = 0
    """Events that a request records."""


def make_scenarios(world: World, units: int, tenants: int = 512) -> list[Scenario]:
    """Return all scenarios. Where one request takes long, fewer connections keep the queue within the time limits."""
    names = [f"tenant-{number}" for number in range(tenants)]
    one = [{"slot": "system", "promptKey": world.prompt_keys[0]}]
    ten = [{"slot": f"slot-{place}", "promptKey": key} for place, key in enumerate(world.prompt_keys[:10])]

    def select(name: str, query: str, track: bool, uses_database: bool) -> Scenario:
        bodies = tuple(body(query, prompts=one, tenantId=tenant, track=track) for tenant in names)
        starts = b'{"data":{"selectVariant":{"slot":"system","reason":"EXPERIMENT"'
        return Scenario(name, bodies, starts, uses_database=uses_database)

    return [
        select("selectVariant, not tracked", SELECT, track=False, uses_database=False),
        select("selectVariant, tracked", SELECT, track=True, uses_database=True),
        select("selectVariant, with its prompt", SELECT_WITH_PROMPT, track=False, uses_database=True),
        Scenario(
            "selectVariants, 10 slots",
            tuple(body(SELECT_ALL, prompts=ten, tenantId=tenant) for tenant in names),
            b'{"data":{"selectVariants":[{"slot":"slot-0","reason":"EXPERIMENT"',
            uses_database=False,
        ),
        Scenario(
            f"analysis, {units:,} units",
            (body(ANALYSIS, id=world.watched_experiment),),
            b'{"data":{"experiment":{"analysis":{"metric":{"key":"solved"}',
            connections=16,
        ),
        Scenario(
            f"experiments, list of {EXPERIMENTS}",
            (body(LIST, first=EXPERIMENTS),),
            b'{"data":{"experiments":{"totalCount":%d,"pageInfo":{"hasNextPage":false' % EXPERIMENTS,
            connections=16,
        ),
        _record(200, connections=16),
        _record(5_000, connections=4),
    ]


def _record(events: int, connections: int) -> Scenario:
    batch = [
        {"unitId": f"unit-{n}", "metric": "quality", "value": n / events, "eventId": f"{FRESH.decode()}-{n}"}
        for n in range(events)
    ]
    starts = b'{"data":{"recordOutcomes":{"accepted":%d,"duplicates":0,"rejected":[]}}}' % events
    request = body(RECORD, input={"events": batch})
    return Scenario(f"recordOutcomes, {events:,} events", (request,), starts, connections, events=events)


def body(query: str, **variables: Any) -> bytes:
    """Return a request's body."""
    return msgspec.json.encode({"query": query, "variables": variables})
