"""The arms of an experiment."""

from collections.abc import Sequence

import strawberry
from strawberry import ID

from omniforge_graph.domain import experiment as domain
from omniforge_graph.graphql.context import Info
from omniforge_graph.graphql.plans import Stable, batched, one
from omniforge_graph.graphql.types.prompt import PromptVersion


async def _prompt_versions(variants: Sequence["Variant"], info: Info) -> list[PromptVersion]:
    """Read the versions that variants serve."""
    found = await info.context.services.repository.get_versions({each.version_id for each in variants})
    return [PromptVersion.of(found[each.version_id]) for each in variants]


async def _exposure_counts(variants: Sequence["Variant"], info: Info) -> list[int]:
    """Read how many units were exposed to variants."""
    counts = await info.context.services.repository.exposure_counts({each.experiment_id for each in variants})
    return [counts.get(each.experiment_id, {}).get(each.id, 0) for each in variants]


@strawberry.type(description="A named arm of an experiment: a prompt version and its share of the traffic.")
class Variant(Stable):
    """A named arm of an experiment."""

    id: ID = strawberry.field(description="Its id.")
    name: str = strawberry.field(description="Its name, unique within the experiment.")
    traffic_percentage: float = strawberry.field(description="Its share of the traffic, 0 to 100, in steps of 0.01.")
    is_control: bool = strawberry.field(description="Whether the other variants are compared with this one.")
    experiment_id: strawberry.Private[str]
    version_id: strawberry.Private[str]

    @strawberry.field(description="The version it serves.", metadata=batched(_prompt_versions))
    async def prompt_version(self, info: Info) -> PromptVersion:
        """Read the version."""
        return await one(_prompt_versions, self, info)

    @strawberry.field(description="How many units were exposed to it.", metadata=batched(_exposure_counts))
    async def exposure_count(self, info: Info) -> int:
        """Read the count."""
        return await one(_exposure_counts, self, info)

    @classmethod
    def of(cls, variant: domain.Variant, experiment_id: str) -> "Variant":
        """Build it from the domain's value."""
        return cls(
            id=ID(variant.id),
            name=variant.name,
            traffic_percentage=variant.traffic_percentage,
            is_control=variant.is_control,
            experiment_id=experiment_id,
            version_id=variant.prompt_version_id,
        )
