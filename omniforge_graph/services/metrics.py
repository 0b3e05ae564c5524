"""Use cases of metrics: declare one on its own, list those one can use, choose those of an experiment."""

from collections.abc import Sequence

from omniforge_graph.domain.caller import OPERATOR, Caller
from omniforge_graph.domain.metric import Metric
from omniforge_graph.domain.plan import AnalysisPlan
from omniforge_graph.domain.text import MAX_IDENTIFIER, clean_text
from omniforge_graph.services.drafting import check_read, keys_read, read_metrics
from omniforge_graph.services.lookup import check_may_change
from omniforge_graph.services.repository import PromptRepository


class MetricCatalog:
    """The metrics declared so far, for a tenant or for all."""

    def __init__(self, repository: PromptRepository) -> None:
        self._repository = repository

    async def declare(self, metric: Metric, tenant_id: str | None = None, *, caller: Caller = OPERATOR) -> Metric:
        """Declare a metric for a tenant (None: the caller's, else for all); again as it is changes nothing.

        Raises:
            DuplicateError: it is declared with another definition.
            ForbiddenError: the metric would belong to another tenant than the caller's.
        """
        if tenant_id is not None:
            clean_text(tenant_id, ("tenantId",), maximum=MAX_IDENTIFIER)
        owner = caller.tenant_id if tenant_id is None else tenant_id
        check_may_change(caller, owner, f"Metric {metric.key!r}")
        await self._repository.add_metric(metric, owner)
        return metric

    async def usable(self, tenant_id: str | None = None, *, caller: Caller = OPERATOR) -> list[Metric]:
        """Return the metrics a tenant can use: its own, and the shared ones it has not replaced; sorted by key."""
        return await self._repository.list_metrics(caller.scope(tenant_id))


async def choose_metrics(
    repository: PromptRepository,
    success_metric: str | Metric,
    declared: Sequence[Metric],
    plan: AnalysisPlan,
    tenant_id: str | None,
) -> tuple[list[Metric], list[Metric]]:
    """Return the experiment's metrics, the success metric first, and those of them to declare.

    Metrics that the plan names and that are declared already are measured too.
    """
    key, by_key = read_metrics(success_metric, declared)
    named = {*plan.goals, *(each.metric for each in plan.guardrails)}
    known = await repository.get_metrics({key, *by_key, *named, *keys_read(by_key.values())}, tenant_id)
    success = by_key.get(key) or known.get(key) or Metric(key)
    measured = [success, *(metric for metric in by_key.values() if metric.key != key)]
    measured += [known[each] for each in sorted(named & known.keys() - {metric.key for metric in measured})]
    check_read(measured, declared, known.keys())
    return measured, [metric for metric in measured if known.get(metric.key) != metric]
