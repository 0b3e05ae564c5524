"""What is loaded, from where, and what it offers."""

import strawberry
from strawberry.scalars import JSON

from omniforge_graph.graphql.enums import OfferKind, PluginStatus
from omniforge_graph.plugin.registry import PluginInfo


@strawberry.type(description="A strategy or a test that a plugin offers.")
class Offer:
    """A strategy or a test that a plugin offers."""

    kind: OfferKind = strawberry.field(description="What it is.")
    name: str = strawberry.field(description="The name to choose it by.")
    description: str = strawberry.field(description="What it does, in one line.")
    options_schema: JSON = strawberry.field(description="The JSON schema of its options.")


@strawberry.type(description="A plugin that was found, whether or not it could be loaded.")
class Plugin:
    """A plugin that was found."""

    name: str = strawberry.field(description="The name of its entry point.")
    distribution: str = strawberry.field(description="The distribution that brought it.")
    version: str | None = strawberry.field(description="The distribution's version, if it has one.")
    status: PluginStatus = strawberry.field(description="What became of it.")
    error: str | None = strawberry.field(description="Why it could not be loaded.")
    offers: list[Offer] = strawberry.field(description="The strategies and tests it offers.")

    @classmethod
    def of(cls, plugin: PluginInfo) -> "Plugin":
        """Build it from the registry's value."""
        return cls(
            name=plugin.name,
            distribution=plugin.distribution,
            version=plugin.version,
            status=plugin.status,
            error=plugin.error,
            offers=[
                Offer(
                    kind=offer.kind,
                    name=offer.name,
                    description=offer.description,
                    options_schema=JSON(offer.options_schema),
                )
                for offer in plugin.offers
            ],
        )
