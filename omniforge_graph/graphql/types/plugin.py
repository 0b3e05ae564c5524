"""What is loaded, from where, and what it offers."""

from collections.abc import Mapping

import strawberry
from strawberry.scalars import JSON

from omniforge_graph.graphql.enums import MetricKind, OfferKind, PluginStatus
from omniforge_graph.plugin import offers
from omniforge_graph.plugin.interfaces import StatisticalTest
from omniforge_graph.plugin.registry import PluginInfo


@strawberry.type(description="A strategy or a test that a plugin offers.")
class Offer:
    """A strategy or a test that a plugin offers."""

    kind: OfferKind = strawberry.field(description="What it is.")
    name: str = strawberry.field(description="The name to choose it by.")
    description: str = strawberry.field(description="What it does, in one line.")
    options_schema: JSON = strawberry.field(description="The JSON schema of its options.")
    kinds: list[MetricKind] | None = strawberry.field(
        description="The kinds of metric a test can judge; null for a strategy."
    )
    sequential: bool | None = strawberry.field(
        description="Whether a test can be made safe for many looks; null for a strategy."
    )

    @classmethod
    def of(cls, offer: offers.Offer, test: StatisticalTest | None) -> "Offer":
        """Build it from the registry's value, and the test if it is one."""
        return cls(
            kind=offer.kind,
            name=offer.name,
            description=offer.description,
            options_schema=JSON(offer.options_schema),
            kinds=[kind for kind in MetricKind if kind in test.kinds] if test is not None else None,
            sequential=test.sequential if test is not None else None,
        )


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
    def of(cls, plugin: PluginInfo, tests: Mapping[str, StatisticalTest]) -> "Plugin":
        """Build it from the registry's value and the tests that are loaded, by name."""
        is_test = offers.OfferKind.STATISTICAL_TEST
        return cls(
            name=plugin.name,
            distribution=plugin.distribution,
            version=plugin.version,
            status=plugin.status,
            error=plugin.error,
            offers=[Offer.of(each, tests[each.name] if each.kind is is_test else None) for each in plugin.offers],
        )
