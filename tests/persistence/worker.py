"""A process of its own on a database: says "ready", waits for its standard input to close, then does as told.

``save CHANGES`` saves every change set of a JSON text at the same time and prints what became of each, as JSON.
``write PREFIX`` records one outcome after the other for ever and prints each event id once it is acknowledged.
``expose EXPERIMENT:VARIANT,...`` exposes units 0 to 1199 in each experiment, in small batches, at the epoch.
``outcomes PREFIX`` records an outcome before and one after the epoch for each of those units. Both print, for each
batch, how many events were new, as JSON.
``purge SECONDS`` purges outcomes from before so many seconds after the time that the tests live in, few at a time, and
prints a line after each batch.
"""

import asyncio
import json
import sys
from datetime import UTC, datetime, timedelta
from itertools import count

import msgspec

from omniforge_graph.domain.change import ChangeSet
from omniforge_graph.domain.event import Exposure, Outcome
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


async def expose(repository, named):
    pairs = [each.split(":") for each in named.split(",")]
    new = []
    for start in range(0, 1200, 20):
        batch = [
            Exposure(experiment_id, f"u{number}", variant_id, EPOCH)
            for number in range(start, start + 20)
            for experiment_id, variant_id in pairs
        ]
        new.append(sum(await repository.record_exposures(batch)))
    print(json.dumps(new))


async def outcomes(repository, prefix):
    new = []
    for start in range(0, 1200, 20):
        batch = [
            Outcome(f"u{number}", "converted", 1.0, EPOCH + timedelta(seconds=side), f"{prefix}-{number}-{side}")
            for number in range(start, start + 20)
            for side in (-1, 1)
        ]
        new.append(sum(await repository.record_outcomes(batch)))
    print(json.dumps(new))


async def purge(repository, seconds):
    border = datetime(2026, 3, 1, 12, 0, 0, 123_456, tzinfo=UTC) + timedelta(seconds=float(seconds))
    async for purged in repository.purge_outcomes(border, batch=20):
        print(purged, flush=True)
        await asyncio.sleep(0.02)  # others shall have their turn


COMMANDS = {"save": save, "write": write, "expose": expose, "outcomes": outcomes, "purge": purge}


async def main(url, command, argument):
    async with open_database(url) as repository:
        await repository.ping()
        print("ready", flush=True)
        await asyncio.to_thread(sys.stdin.read)
        await COMMANDS[command](repository, argument)


asyncio.run(main(*sys.argv[1:]))
