"""Use cases of metrics: declare one on its own, list those one can use."""

from omniforge_graph.domain.caller import OPERATOR, Caller
from omniforge_graph.domain.metric import Metric
from omniforge_graph.domain.text import MAX_IDENTIFIER, clean_text
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
