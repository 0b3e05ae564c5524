"""The same selection as a hand-written REST endpoint: raw ASGI, no GraphQL, our own selection and tracking inside.

It reads `{"prompts": [...], "tenantId": ...}` (or a GraphQL body's `variables`) and answers the members that the
benchmark's query selects. What is left between it and us is the price of GraphQL.
"""

from contextlib import AsyncExitStack

import msgspec

from omniforge_graph.config import load_settings
from omniforge_graph.domain.selection import PromptSlot
from omniforge_graph.persistence import open_database
from omniforge_graph.plugin.manager import load_plugins
from omniforge_graph.services.assembly import assemble


class Slot(msgspec.Struct, gc=False, rename="camel"):
    """One slot of the request."""

    slot: str
    prompt_id: str | None = None
    prompt_key: str | None = None


class Variables(msgspec.Struct, gc=False, rename="camel"):
    """What is asked for."""

    prompts: list[Slot]
    tenant_id: str
    track: bool = True


class Body(msgspec.Struct, gc=False):
    """The request, in the benchmark's own shape so that all servers get the same bytes."""

    variables: Variables


decode = msgspec.json.Decoder(Body).decode
encode = msgspec.json.Encoder().encode


class App:
    """The ASGI application."""

    def __init__(self) -> None:
        self._stack = AsyncExitStack()

    async def __call__(self, scope, receive, send):
        """Serve one request."""
        if scope["type"] == "lifespan":
            return await self._live(receive, send)
        chunks = []
        while True:
            message = await receive()
            chunks.append(message["body"])
            if not message.get("more_body"):
                break
        asked = decode(b"".join(chunks)).variables if any(chunks) else None
        body = encode(await self._select(asked)) if asked else b"ready"
        headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(body))]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": body})
        return None

    async def _select(self, asked: Variables):
        slots = [PromptSlot(each.slot, each.prompt_id, each.prompt_key) for each in asked.prompts]
        found = await self._services.selector.select_first(slots, asked.tenant_id)
        if found is None:
            return {"selectVariant": None}
        if asked.track:
            exposure = self._services.tracker.exposure(found, asked.tenant_id)
            if exposure is not None:
                self._services.tracker.add(exposure)
        version = found.prompt_version
        return {
            "selectVariant": {
                "slot": found.slot,
                "reason": found.reason,
                "experimentId": found.experiment_id,
                "variantId": found.variant_id,
                "variantName": found.variant_name,
                "promptVersion": {"id": version.id, "number": version.number, "content": version.content},
            }
        }

    async def _live(self, receive, send):
        await receive()
        repository = await self._stack.enter_async_context(open_database(load_settings().database_url))
        self._services = assemble(repository, load_plugins(()))
        await self._services.feed.pull()
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await self._services.tracker.close()
        await self._stack.aclose()
        await send({"type": "lifespan.shutdown.complete"})


app = App()
