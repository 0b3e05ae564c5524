"""The headers of a request, decoded only where somebody looks: most requests need three of ten."""

from collections.abc import Iterable, Iterator, Mapping

from starlette.types import Scope


class Headers(Mapping[str, str]):
    """Headers by lower-case name; one sent several times is joined by commas. A dict is taken as it is."""

    __slots__ = ("raw",)

    def __init__(self, pairs: Iterable[tuple[bytes, bytes]] | dict[bytes, bytes]) -> None:
        if isinstance(pairs, dict):
            self.raw = pairs
            return
        listed = pairs if type(pairs) is list else list(pairs)
        self.raw = dict(listed)
        if len(self.raw) < len(listed):
            self.raw.clear()
            for name, value in listed:
                self.raw[name] = self.raw[name] + b", " + value if name in self.raw else value

    def __getitem__(self, name: str) -> str:
        return self.raw[name.encode("latin-1")].decode("latin-1")

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and name.encode("latin-1") in self.raw

    def __iter__(self) -> Iterator[str]:
        return (name.decode("latin-1") for name in self.raw)

    def __len__(self) -> int:
        return len(self.raw)


def headers_of(scope: Scope) -> Headers:
    """Return the headers of a request or of a WebSocket's handshake."""
    return Headers(scope["headers"])
