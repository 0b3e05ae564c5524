"""The receipt for a batch of events."""

import strawberry

from omniforge_graph.domain.event import BatchReceipt, Rejection
from omniforge_graph.graphql.enums import ErrorCode
from omniforge_graph.turns import Turns

STEP = 500
"""Rejections of which the answer is made at a time, some half a millisecond."""


@strawberry.type(description="An event of the batch that was not recorded.")
class RejectedEvent:
    """An event of the batch that was not recorded."""

    index: int = strawberry.field(description="Its place in the batch, from 0.")
    code: ErrorCode = strawberry.field(description="A stable code.")
    message: str = strawberry.field(description="What is wrong and how to mend it, for people.")

    @classmethod
    def of(cls, rejection: Rejection) -> "RejectedEvent":
        """Build it from the domain's value."""
        return cls(index=rejection.index, code=ErrorCode(rejection.code), message=rejection.message)


@strawberry.type(description="What became of a batch. Given once everything accepted is durable.")
class RecordPayload:
    """What became of a batch."""

    accepted: int = strawberry.field(description="Events recorded now.")
    duplicates: int = strawberry.field(description="Events that had been recorded before.")
    rejected: list[RejectedEvent] = strawberry.field(description="Events that were not recorded, each with its reason.")

    @classmethod
    async def of(cls, receipt: BatchReceipt) -> "RecordPayload":
        """Build it from the domain's value; with thousands of rejections, others have their turns."""
        rejected: list[RejectedEvent] = []
        turns = Turns()
        for start in range(0, len(receipt.rejected), STEP):
            await turns.give()
            rejected += map(RejectedEvent.of, receipt.rejected[start : start + STEP])
        return cls(accepted=receipt.accepted, duplicates=receipt.duplicates, rejected=rejected)
