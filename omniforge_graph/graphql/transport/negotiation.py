"""Which media type the client wants the answer in."""

from functools import lru_cache
from typing import Final

JSON: Final = "application/json"
GRAPHQL_JSON: Final = "application/graphql-response+json"
HTML: Final = "text/html"

LONGEST_ACCEPT: Final = 1_000


def negotiate(accept: bytes | None) -> str | None:
    """Return the best of `application/graphql-response+json`, `application/json` and `text/html`, or None.

    A missing header and `*/*` mean `application/json`, as the GraphQL-over-HTTP specification asks of servers while
    clients move over. Of two types wanted equally, the first in the list above wins.
    """
    if not accept:
        return JSON
    return _negotiate(accept) if len(accept) <= LONGEST_ACCEPT else None


@lru_cache(maxsize=256)
def _negotiate(accept: bytes) -> str | None:
    weights: dict[str, float] = {}
    for part in accept.decode("latin-1").split(","):
        media, *parameters = (piece.strip().lower() for piece in part.split(";"))
        weights[media] = next((_weight(text[2:]) for text in parameters if text.startswith("q=")), 1.0)
    anything = weights.get("*/*", 0.0)
    offers = {
        GRAPHQL_JSON: weights.get(GRAPHQL_JSON, 0.0),
        JSON: weights.get(JSON, weights.get("application/*", anything)),
        HTML: weights.get(HTML, weights.get("text/*", 0.0)),
    }
    best = max(offers, key=lambda media: offers[media])
    return best if offers[best] > 0 else None


def _weight(text: str) -> float:
    try:
        return min(max(float(text), 0.0), 1.0)
    except ValueError:
        return 0.0
