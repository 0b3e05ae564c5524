"""Who asks: one small value that travels from the door into every use case."""

from dataclasses import dataclass

from omniforge_graph.domain.text import MAX_IDENTIFIER, clean_text
from omniforge_graph.errors import ForbiddenError


@dataclass(frozen=True, slots=True)
class Caller:
    """The actor of a request, the tenant it is confined to (None: not confined), and the request's id."""

    actor: str = "anonymous"
    tenant_id: str | None = None
    request_id: str | None = None

    def __post_init__(self) -> None:
        clean_text(self.actor, ("actor",))
        if self.tenant_id is not None:
            clean_text(self.tenant_id, ("tenantId",), maximum=MAX_IDENTIFIER)
        if self.request_id is not None:
            clean_text(self.request_id, ("requestId",), maximum=MAX_IDENTIFIER)

    def may_see(self, tenant_id: str | None) -> bool:
        """Whether something that belongs to `tenant_id` (None: shared by all) is visible to this caller."""
        return self.tenant_id is None or tenant_id is None or tenant_id == self.tenant_id

    def scope(self, tenant_id: str | None) -> str | None:
        """Return the tenant to act for: the caller's own if it is confined, else the one asked for.

        Raises `ForbiddenError` if a confined caller asks for another tenant than its own.
        """
        if self.tenant_id is None or tenant_id == self.tenant_id:
            return tenant_id
        if tenant_id is None:
            return self.tenant_id
        raise ForbiddenError(
            f"A caller confined to tenant {self.tenant_id!r} may not act for tenant {tenant_id!r}.", path=("tenantId",)
        )

    def may_change(self, tenant_id: str | None) -> bool:
        """Whether the caller may change it: a confined caller changes its own tenant's things only."""
        return self.tenant_id is None or tenant_id == self.tenant_id


OPERATOR = Caller(actor="operator")
"""The caller assumed when the Python API is used directly: not confined to a tenant."""
