"""Ways to take a database away from a running server, and to give it back."""

import socket
import sqlite3
import threading
from contextlib import contextmanager, suppress
from urllib.parse import urlsplit


class Wire:
    """A TCP connection to a server that can be cut and mended; `url` is that of the database through it."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self._far = (parts.hostname, parts.port)
        self._sockets: set[socket.socket] = set()
        self._whole = threading.Event()
        self._whole.set()
        self._listener = socket.create_server(("127.0.0.1", 0))
        port = self._listener.getsockname()[1]
        self.url = f"postgres://postgres:any@127.0.0.1:{port}{parts.path}"
        threading.Thread(target=self._listen, daemon=True).start()

    def cut(self) -> None:
        self._whole.clear()
        for each in list(self._sockets):
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)

    def mend(self) -> None:
        self._whole.set()

    def close(self) -> None:
        self._listener.close()
        self.cut()

    def _listen(self) -> None:
        while True:
            try:
                near, _ = self._listener.accept()
            except OSError:
                return
            if not self._whole.is_set():
                near.close()
                continue
            far = socket.create_connection(self._far)
            self._sockets |= {near, far}
            for pair in ((near, far), (far, near)):
                threading.Thread(target=self._pass_on, args=pair, daemon=True).start()

    def _pass_on(self, source: socket.socket, target: socket.socket) -> None:
        with suppress(OSError):
            while data := source.recv(65536):
                target.sendall(data)
        for each in (source, target):
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
        self._sockets.discard(source)
        source.close()


class Lock:
    """A process that holds SQLite's lock and does not let go: nobody else can write."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._connection = sqlite3.connect(url.removeprefix("sqlite:///"), isolation_level=None, timeout=30)

    def cut(self) -> None:
        self._connection.execute("BEGIN IMMEDIATE")

    def mend(self) -> None:
        self._connection.execute("ROLLBACK")

    def close(self) -> None:
        self._connection.close()


@contextmanager
def breakable(url: str):
    """Yield a database that can be taken away with `cut` and given back with `mend`; `url` is how to reach it."""
    link = Lock(url) if url.startswith("sqlite") else Wire(url)
    try:
        yield link
    finally:
        link.close()
