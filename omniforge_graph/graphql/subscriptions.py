"""What clients can follow."""

from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Annotated

import strawberry
from strawberry import ID

from omniforge_graph.graphql.context import Info
from omniforge_graph.graphql.types.experiment import Experiment


@strawberry.type(description="An experiment's state after a change.")
class ExperimentChange:
    """An experiment's state after a change."""

    sequence: int = strawberry.field(
        description="The state's revision: grows with every change, so that a client can tell what it has seen."
    )
    experiment: Experiment = strawberry.field(description="The experiment as the change left it.")


@strawberry.type(description="What clients can follow.")
class Subscription:
    """What clients can follow."""

    @strawberry.subscription(
        description="The current state first, then each change once and in order; a slow reader gets the latest state."
    )
    async def experiment_changed(
        self,
        info: Info,
        experiment_id: Annotated[ID, strawberry.argument(description="The experiment to follow.")],
    ) -> AsyncGenerator[ExperimentChange, None]:
        """Follow an experiment."""
        context = info.context
        # Closed with the subscription, so that no mailbox outlives its reader.
        async with aclosing(context.services.broker.watch(experiment_id, caller=context.caller)) as states:
            async for experiment in states:
                yield ExperimentChange(sequence=experiment.revision, experiment=Experiment.of(experiment))
