"""The schema: one object, built once, printed by `omniforge-graph schema`."""

import strawberry
from strawberry.schema.config import StrawberryConfig

from omniforge_graph.graphql.errors import USER_ERRORS
from omniforge_graph.graphql.mutations import Mutation
from omniforge_graph.graphql.queries import Query
from omniforge_graph.graphql.subscriptions import Subscription

schema = strawberry.Schema(
    query=Query,
    mutation=Mutation,
    subscription=Subscription,
    types=USER_ERRORS,
    config=StrawberryConfig(auto_camel_case=True),
)

WEIGHTS = {
    "Analysis.density": 300.0,
    "Experiment.analysis": 100.0,
    "Experiment.analysisHistory": 100.0,
    "Experiment.history": 10.0,
    "Experiment.slices": 200.0,
    "Query.analyze": 100.0,
}
"""What these fields cost compared with a plain one: they read many rows, or compute."""


def print_schema() -> str:
    """Return the schema in the schema definition language, ending in a newline."""
    return schema.as_str().rstrip() + "\n"
