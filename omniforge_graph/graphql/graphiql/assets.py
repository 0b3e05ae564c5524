"""The files GraphiQL is made of, each under a name that carries a hash of its content."""

import gzip
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import resources
from typing import Final, TypeAlias

MEDIA_TYPES: Final = {".js": "text/javascript; charset=utf-8", ".css": "text/css; charset=utf-8"}

STYLES: Final = ("graphiql.min.css", "start.css")
SCRIPTS: Final = ("react.production.min.js", "react-dom.production.min.js", "graphiql.min.js", "start.js")
"""In the order in which the page loads them."""


@dataclass(frozen=True, slots=True)
class Asset:
    """One file: the name it is served under, its media type, and its bytes, plain and compressed."""

    name: str
    media_type: str
    content: bytes
    compressed: bytes


Assets: TypeAlias = Mapping[str, Asset]
"""The assets by their file name in the package."""


def load_assets() -> Assets:
    """Read and compress every file (about 1.6 MB, a tenth of a second: call it outside the event loop)."""
    folder = resources.files(__package__) / "static"
    return {name: _asset(name, (folder / name).read_bytes()) for name in (*STYLES, *SCRIPTS)}


def _asset(name: str, content: bytes) -> Asset:
    stem, _, suffix = name.rpartition(".")
    digest = hashlib.sha256(content).hexdigest()[:16]
    return Asset(f"{stem}.{digest}.{suffix}", MEDIA_TYPES[f".{suffix}"], content, gzip.compress(content, mtime=0))
