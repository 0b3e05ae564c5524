"""The arms of an experiment."""

import strawberry
from strawberry import ID

from omniforge_graph.domain import experiment as domain
from omniforge_graph.graphql.context import Info
from omniforge_graph.graphql.types.prompt import PromptVersion


@strawberry.type(description="A named arm of an experiment: a prompt version and its share of the traffic.")
class Variant:
    """A named arm of an experiment."""

    id: ID = strawberry.field(description="Its id.")
    name: str = strawberry.field(description="Its name, unique within the experiment.")
    traffic_percentage: float = strawberry.field(description="Its share of the traffic, 0 to 100, in steps of 0.01.")
    is_control: bool = strawberry.field(description="Whether the other variants are compared with this one.")
    experiment_id: strawberry.Private[str]
    version_id: strawberry.Private[str]

    @strawberry.field(description="The version it serves.")
    async def prompt_version(self, info: Info) -> PromptVersion:
        """Load the version."""
        version = await info.context.loaders.versions.load(self.version_id)
        assert version is not None
        return PromptVersion.of(version)

    @strawberry.field(description="How many units were exposed to it.")
    async def exposure_count(self, info: Info) -> int:
        """Load the counts of the experiment."""
        counts = await info.context.loaders.exposure_counts.load(self.experiment_id)
        return (counts or {}).get(self.id, 0)

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
