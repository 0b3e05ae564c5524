"""Experiments with their variants."""

from collections.abc import Collection, Iterable, Sequence
from typing import Any

from omniforge_graph.domain.change import Signature, Subject
from omniforge_graph.domain.experiment import PromptExperiment
from omniforge_graph.domain.metric import Metric
from omniforge_graph.domain.page import Page, PageRequest
from omniforge_graph.errors import DuplicateError
from omniforge_graph.persistence.changes import SAVE_VARIANT, ChangeStore, another_runs
from omniforge_graph.persistence.database import Database
from omniforge_graph.persistence.mapping import VARIANT_COLUMNS, experiment_row, to_experiments, variant_rows
from omniforge_graph.persistence.metrics import declare
from omniforge_graph.persistence.paging import Conditions, everything, stretch
from omniforge_graph.persistence.revisions import Revisions
from omniforge_graph.persistence.session import Session, UniqueViolation
from omniforge_graph.persistence.totals import declare_sources
from omniforge_graph.services.repository import ExperimentFilter

SELECT_EXPERIMENTS = (
    f"SELECT e.*, {VARIANT_COLUMNS} FROM experiment e JOIN variant v ON v.experiment_id = e.id "  # noqa: S608
    "WHERE e.id IN (?*) ORDER BY e.id DESC, v.position"
)


class ExperimentStore(ChangeStore):
    """Stores experiments; `ChangeStore` saves what becomes of them."""

    def __init__(self, database: Database) -> None:
        super().__init__(database)
        self._revisions_of_experiments = Revisions(self._fetch_experiments)

    async def add_experiment(
        self, experiment: PromptExperiment, new_metrics: Sequence[Metric], signature: Signature
    ) -> None:
        """Store an experiment and declare `new_metrics` for its tenant, in one step."""
        try:
            async with self._change(Subject.EXPERIMENT_CREATED, signature, experiment=experiment) as session:
                for metric in new_metrics:
                    await declare(session, metric, experiment.tenant_id)
                await session.insert("experiment", experiment_row(experiment))
                await session.run_many(SAVE_VARIANT, variant_rows(experiment))
                await declare_sources(session, experiment)
        except UniqueViolation:
            if experiment.is_running:
                raise another_runs(experiment) from None
            raise DuplicateError(f"An experiment with the id {experiment.id} exists; make a new id.") from None

    async def get_experiments(self, ids: Collection[str]) -> dict[str, PromptExperiment]:
        """Return the experiments of these ids."""
        found = await self._experiments(*everything("experiment", Conditions().among("id", ids)))
        return {experiment.id: experiment for experiment in found}

    async def list_experiments(self, where: ExperimentFilter, page: PageRequest) -> Page[PromptExperiment]:
        """List the experiments that match."""
        return Page.of(await self._experiments(*stretch("experiment", _conditions(where), page)), page)

    async def count_experiments(self, where: ExperimentFilter) -> int:
        """Count what `list_experiments` lists."""
        conditions = _conditions(where)
        async with self._database.reading() as session:
            rows = await session.rows(conditions.sql("SELECT COUNT(*) AS n FROM experiment"), *conditions.values)
        return int(rows[0]["n"])

    async def running_experiments(self, prompt_ids: Collection[str] | None = None) -> dict[str, PromptExperiment]:
        """Return the RUNNING experiments by prompt id: of these prompts, or of all."""
        where = Conditions().add("status = 'RUNNING'").among("prompt_id", prompt_ids)
        found = await self._experiments(*everything("experiment", where))
        return {experiment.prompt_id: experiment for experiment in found}

    async def _experiments(self, sql: str, values: Sequence[Any]) -> list[PromptExperiment]:
        async with self._database.reading() as session:
            return await self._revisions_of_experiments.read(session, sql, values)

    async def _fetch_experiments(self, session: Session, ids: list[str]) -> Iterable[tuple[PromptExperiment, int]]:
        """Read experiments and variants in one statement, so that they belong together."""
        return to_experiments(await session.rows(SELECT_EXPERIMENTS, ids))


def _conditions(where: ExperimentFilter) -> Conditions:
    prompts = None if where.prompt_id is None else (where.prompt_id,)
    return Conditions().among("status", where.statuses).among("prompt_id", prompts).visible_to(where.tenant_id)
