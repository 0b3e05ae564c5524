"""The receipt for a batch of events."""

import strawberry

from omniforge_graph.domain.event import BatchReceipt
from omniforge_graph.graphql.enums import ErrorCode


@strawberry.type(description="An event of the batch that was not recorded.")
class RejectedEvent:
    """An event of the batch that was not recorded."""

    index: int = strawberry.field(description="Its place in the batch, from 0.")
    code: ErrorCode = strawberry.field(description="A stable code.")
    message: str = strawberry.field(description="What is wrong and how to mend it, for people.")


@strawberry.type(description="What became of a batch. Given once everything accepted is durable.")
class RecordPayload:
    """What became of a batch."""

    accepted: int = strawberry.field(description="Events recorded now.")
    duplicates: int = strawberry.field(description="Events that had been recorded before.")
    rejected: list[RejectedEvent] = strawberry.field(description="Events that were not recorded, each with its reason.")

    @classmethod
    def of(cls, receipt: BatchReceipt) -> "RecordPayload":
        """Build it from the domain's value."""
        return cls(
            accepted=receipt.accepted,
            duplicates=receipt.duplicates,
            rejected=[
                RejectedEvent(index=each.index, code=ErrorCode(each.code), message=each.message)
                for each in receipt.rejected
            ],
        )
