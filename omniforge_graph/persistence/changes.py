"""Changes of the lifecycle: saved with what they depend on, and told to those who follow."""

from collections.abc import Callable, Collection

from omniforge_graph.domain.change import Change, ChangeSet
from omniforge_graph.domain.experiment import PromptExperiment
from omniforge_graph.domain.prompt import Prompt
from omniforge_graph.errors import (
    AlreadyRunningError,
    ExperimentRunningError,
    StaleRevisionError,
)
from omniforge_graph.persistence.mapping import experiment_row, prompt_row, to_change, variant_rows
from omniforge_graph.persistence.paging import storable
from omniforge_graph.persistence.session import Session, UniqueViolation
from omniforge_graph.persistence.store import Store
from omniforge_graph.persistence.totals import declare_sources, end_totals, is_ending

SAVE_VARIANT = (
    "INSERT INTO variant (id, experiment_id, prompt_version_id, position, name, basis_points, is_control) "
    "VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT (id) DO UPDATE SET prompt_version_id = excluded.prompt_version_id, "
    "position = excluded.position, name = excluded.name, basis_points = excluded.basis_points, "
    "is_control = excluded.is_control"
)


def another_runs(experiment: PromptExperiment) -> AlreadyRunningError:
    """Return the conflict; which experiment is in the way is for those to tell who know who asks."""
    return AlreadyRunningError(
        f"Cannot start experiment {experiment.id}: another one is RUNNING on prompt {experiment.prompt_id}; "
        "stop or complete that one first."
    )


class ChangeStore(Store):
    """Saves change sets and tells what changed."""

    async def save(self, changes: ChangeSet) -> None:
        """Save all of a change set or none of it, with its entry in the audit trail."""
        experiment, prompt = changes.experiment, changes.prompt
        try:
            async with self._change(
                changes.subject, changes.signature, experiment=experiment, prompt=prompt
            ) as session:
                if experiment is not None:
                    ending = await is_ending(session, experiment)
                    await _update(session, "experiment", experiment, experiment_row(experiment))
                    await session.run_many(SAVE_VARIANT, variant_rows(experiment))
                    await declare_sources(session, experiment)
                    if ending:
                        await end_totals(session, experiment)
                if prompt is not None:
                    await _update(session, "prompt", prompt, prompt_row(prompt))
                    await _refuse_while_running(session, prompt)
        except UniqueViolation:
            assert experiment is not None, "only an experiment's row can violate a unique index here"
            raise another_runs(experiment) from None

    async def head(self) -> int:
        """Return the sequence of the newest change, 0 before the first."""
        async with self._database.reading() as session:
            return int((await session.rows("SELECT value FROM ticket WHERE id = 1"))[0]["value"])

    async def changes_since(self, sequence: int, limit: int = 1000) -> list[Change]:
        """Return the changes after `sequence`, oldest first."""
        sql = "SELECT * FROM change WHERE sequence > ? ORDER BY sequence LIMIT ?"
        async with self._database.reading() as session:
            return [to_change(row) for row in await session.rows(sql, sequence, limit)]

    async def listen(self, notify: Callable[[], None]) -> None:
        """Call `notify` soon after a change is committed by any process; on SQLite return at once."""
        await self._database.listen(notify)

    async def histories(self, experiment_ids: Collection[str]) -> dict[str, list[Change]]:
        """Return all changes of each experiment, oldest first."""
        found: dict[str, list[Change]] = {experiment_id: [] for experiment_id in experiment_ids}
        sql = "SELECT * FROM change WHERE experiment_id IN (?*) ORDER BY sequence"
        async with self._database.reading() as session:
            for row in await session.rows(sql, storable(experiment_ids)):
                found[row["experiment_id"]].append(to_change(row))
        return found


async def _update(session: Session, table: str, value: Prompt | PromptExperiment, row: dict[str, object]) -> None:
    """Write the row if it is still at the revision before the value's."""
    expected = value.revision - 1
    if await session.update(table, row, value.id, expected):
        return
    found = await session.rows(f"SELECT revision FROM {table} WHERE id = ?", value.id)  # noqa: S608 - a constant
    actual = found[0]["revision"] if found else None
    raise StaleRevisionError(
        f"{table.capitalize()} {value.id} is at revision {actual}, not {expected}: read it again and decide anew.",
        expected=expected,
        actual=actual,
    )


async def _refuse_while_running(session: Session, prompt: Prompt) -> None:
    """Refuse a new current version if, after this change set, an experiment runs on the prompt."""
    found = await session.rows("SELECT id FROM experiment WHERE prompt_id = ? AND status = 'RUNNING'", prompt.id)
    if not found:
        return
    running_id = found[0]["id"]
    raise ExperimentRunningError(
        f"The current version of prompt {prompt.id} cannot change while experiment {running_id} is RUNNING on it: "
        "stop or complete that experiment first, or ask to pause it in the same step.",
        experiment_id=running_id,
    )
