"""Until when a selection is the answer to the same question."""

from collections.abc import Callable

from omniforge_graph.graphql.context import Context


def repeatable(context: Context) -> Callable[[], bool] | None:
    """Return what to ask before the context's selection is answered again; None if it selected nothing.

    Assignment is a pure function of the snapshot and the unit, so the answer stays right as long as the snapshot is the
    same and fresh. An exposure that would be tracked once more is a reason to select anew.
    """
    if context.selected is None:
        return None
    selection, unit, tracked = context.selected
    unchanged = context.services.selector.unchanged()
    tracker, telemetry = context.services.tracker, context.services.telemetry

    def again() -> bool:
        if not unchanged() or (tracked and tracker.exposure(selection, unit) is not None):
            return False
        telemetry.selections += 1
        return True

    return again
