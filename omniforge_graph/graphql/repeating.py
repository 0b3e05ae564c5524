"""Until when a selection is the answer to the same question."""

from collections.abc import Callable

from omniforge_graph.graphql.context import Context


def repeatable(context: Context) -> Callable[[], bool] | None:
    """Return what to ask before the context's selection is answered again; None if it must be made anew.

    Assignment is a pure function of the snapshot and the unit, so the answer stays right as long as the snapshot is the
    same and fresh. An exposure that is not yet safe is a reason to select anew: it may have to be tracked once more.
    """
    if context.selected is None:
        return None
    selection, unit, tracked = context.selected
    if tracked and not context.services.tracker.is_safe(selection, unit):
        return None
    return context.services.selector.repeat()
