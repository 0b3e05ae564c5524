"""Notifications of PostgreSQL: a commit of one process wakes the others at once."""

import asyncio
import logging
from collections.abc import Callable

import asyncpg

from omniforge_graph.persistence.address import PostgresAddress
from omniforge_graph.persistence.session import Limits

logger = logging.getLogger(__name__)

CHANNEL = "omniforge_change"
FIRST_DELAY = 0.1
LONGEST_DELAY = 5.0
PROBE_SECONDS = 20.0
"""How often a silent connection is asked whether it still lives: a network may swallow its end."""


async def listen(address: PostgresAddress, limits: Limits, notify: Callable[[], None]) -> None:
    """Call `notify` for each committed change, until cancelled, on a connection of its own.

    A connection that is lost is made anew, sooner at first than later. Whoever is told must not rely on it alone: what
    happens between two connections is made known by one call when the next one listens.
    """
    delay = FIRST_DELAY
    while True:
        try:
            connection = await asyncpg.connect(
                host=address.host,
                port=address.port,
                user=address.user,
                password=address.password,
                database=address.name,
                ssl=address.tls,
                timeout=limits.acquire,
                command_timeout=limits.command,
                server_settings={"application_name": "omniforge-graph listening"},
            )
        except Exception as problem:  # noqa: BLE001 - whatever it is, the answer is to try again
            logger.debug("%s cannot be listened to: %s", address, problem)
        else:
            delay = FIRST_DELAY
            await _follow(connection, notify)
        await asyncio.sleep(delay)
        delay = min(2 * delay, LONGEST_DELAY)


async def _follow(connection: asyncpg.Connection, notify: Callable[[], None]) -> None:
    """Listen on a connection until it is lost."""
    lost = asyncio.Event()
    connection.add_termination_listener(lambda _connection: lost.set())
    try:
        await connection.add_listener(CHANNEL, lambda *_message: notify())
        notify()
        while not lost.is_set():
            try:
                async with asyncio.timeout(PROBE_SECONDS):
                    await lost.wait()
            except TimeoutError:
                await connection.execute("SELECT 1")
    except Exception as problem:  # noqa: BLE001 - the connection is of no more use
        logger.debug("A connection that listened is lost: %s", problem)
    finally:
        connection.terminate()
