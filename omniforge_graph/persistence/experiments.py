"""Experiments with their variants."""

from collections.abc import Collection, Sequence
from typing import Any

from omniforge_graph.domain.change import Signature, Subject
from omniforge_graph.domain.experiment import PromptExperiment
from omniforge_graph.domain.metric import Metric
from omniforge_graph.domain.page import Page, PageRequest
from omniforge_graph.errors import DuplicateError
from omniforge_graph.persistence.changes import SAVE_VARIANT, ChangeStore, another_runs
from omniforge_graph.persistence.mapping import VARIANT_COLUMNS, experiment_row, to_experiments, variant_rows
from omniforge_graph.persistence.metrics import declare
from omniforge_graph.persistence.paging import Conditions, stretch
from omniforge_graph.persistence.session import UniqueViolation
from omniforge_graph.persistence.totals import declare_sources
from omniforge_graph.services.repository import ExperimentFilter


class ExperimentStore(ChangeStore):
    """Stores experiments; `ChangeStore` saves what becomes of them."""

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
        found = await self._experiments("experiment", Conditions().among("e.id", ids))
        return {experiment.id: experiment for experiment in found}

    async def list_experiments(self, where: ExperimentFilter, page: PageRequest) -> Page[PromptExperiment]:
        """List the experiments that match."""
        subquery, values = stretch("experiment", _conditions(where), page)
        return Page.of(await self._experiments(subquery, Conditions(), values), page)

    async def count_experiments(self, where: ExperimentFilter) -> int:
        """Count what `list_experiments` lists."""
        conditions = _conditions(where)
        async with self._database.reading() as session:
            rows = await session.rows(conditions.sql("SELECT COUNT(*) AS n FROM experiment"), *conditions.values)
        return int(rows[0]["n"])

    async def running_experiments(self, prompt_ids: Collection[str] | None = None) -> dict[str, PromptExperiment]:
        """Return the RUNNING experiments by prompt id: of these prompts, or of all."""
        where = Conditions().add("e.status = 'RUNNING'").among("e.prompt_id", prompt_ids)
        return {experiment.prompt_id: experiment for experiment in await self._experiments("experiment", where)}

    async def _experiments(self, source: str, where: Conditions, values: Sequence[Any] = ()) -> list[PromptExperiment]:
        """Read experiments and variants in one statement, so that they belong together."""
        head = f"SELECT e.*, {VARIANT_COLUMNS} FROM {source} e JOIN variant v ON v.experiment_id = e.id"  # noqa: S608
        async with self._database.reading() as session:
            rows = await session.rows(where.sql(head, "ORDER BY e.id DESC, v.position"), *values, *where.values)
        return to_experiments(rows)


def _conditions(where: ExperimentFilter) -> Conditions:
    prompts = None if where.prompt_id is None else (where.prompt_id,)
    return Conditions().among("status", where.statuses).among("prompt_id", prompts).visible_to(where.tenant_id)
