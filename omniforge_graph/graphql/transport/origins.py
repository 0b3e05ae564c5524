"""Whether a request was made by a page of another origin on behalf of whoever has it open.

A query may record an exposure, so GET is guarded as well as POST. A POST must be `application/json`, which browsers
send to another origin only after asking (a preflight, which this endpoint does not grant). For GET no content type is
at hand, so the browser's own statement decides: `Sec-Fetch-Site`. Where it is absent, as over plain HTTP to another
machine, a browser is known by its `User-Agent` and must send a header that takes a preflight. Programs are let through.
"""

from collections.abc import Collection, Mapping
from typing import Final
from urllib.parse import urlsplit

PREFLIGHT_HEADERS: Final = ("graphql-require-preflight", "apollo-require-preflight", "x-requested-with")


def is_same_origin(headers: Mapping[str, str], allowed_origins: Collection[str] = ()) -> bool:
    """Whether the `Origin` header, if any, is this host's own or an allowed one."""
    origin = headers.get("origin")
    if origin is None or origin in allowed_origins:
        return True
    return origin != "null" and urlsplit(origin).netloc.lower() == headers.get("host", "").lower()


def is_trusted_get(headers: Mapping[str, str], allowed_origins: Collection[str] = ()) -> bool:
    """Whether a GET may be executed: it does not come from a page of another origin."""
    if any(name in headers for name in PREFLIGHT_HEADERS) or headers.get("origin") in allowed_origins:
        return True
    site = headers.get("sec-fetch-site")
    if site is not None:
        return site in {"same-origin", "none"}
    return is_same_origin(headers) and not headers.get("user-agent", "").startswith("Mozilla/")
