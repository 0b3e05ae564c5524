"""A process of its own on a database: says "ready", waits for its standard input to close, then does as told.

``save CHANGES`` saves every change set of a JSON text at the same time and prints what became of each, as JSON.
``write PREFIX`` records one outcome after the other for ever and prints each event id once it is acknowledged.
"""

import asyncio
import json
import sys
from itertools import count

import msgspec

from omniforge_graph.domain.change import ChangeSet
from omniforge_graph.domain.event import Outcome
from omniforge_graph.errors import OmniForgeError
from omniforge_graph.persistence import open_database
from omniforge_graph.persistence.mapping import EPOCH


async def save(repository, changes):
    changes = msgspec.json.decode(changes, type=list[ChangeSet])

    async def one(change):
        try:
            await repository.save(change)
        except OmniForgeError as error:
            return error.code
        return "SAVED"

    print(json.dumps(await asyncio.gather(*map(one, changes))))


async def write(repository, prefix):
    for number in count():
        event_id = f"{prefix}-{number}"
        assert await repository.record_outcomes([Outcome("unit", "converted", 1.0, EPOCH, event_id=event_id)]) == [True]
        print(event_id, flush=True)


async def main(url, command, argument):
    async with open_database(url) as repository:
        await repository.ping()
        print("ready", flush=True)
        await asyncio.to_thread(sys.stdin.read)
        await {"save": save, "write": write}[command](repository, argument)


asyncio.run(main(*sys.argv[1:]))
