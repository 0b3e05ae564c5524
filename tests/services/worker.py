"""A process of its own with an experiment manager: says "ready", waits for its standard input to close, then acts.

``start TIMES ID…`` starts the experiments in turn, TIMES calls at once; ``promote ID VARIANT…`` promotes each variant
at once. What became of each call is printed as JSON.
"""

import asyncio
import json
import sys

from omniforge_graph import ExperimentManager, open_database
from omniforge_graph.errors import OmniForgeError


async def outcome(call):
    try:
        await call
    except OmniForgeError as error:
        return error.code
    return "DONE"


async def main(url, command, *arguments):
    async with open_database(url) as repository:
        manager = ExperimentManager(repository)
        await repository.ping()
        print("ready", flush=True)
        await asyncio.to_thread(sys.stdin.read)
        if command == "start":
            times, *ids = arguments
            calls = [manager.start_experiment(ids[n % len(ids)]) for n in range(int(times))]
        else:
            experiment_id, *variants = arguments
            calls = [manager.promote_variant(experiment_id, variant, "worker") for variant in variants]
        print(json.dumps(await asyncio.gather(*map(outcome, calls))))


asyncio.run(main(*sys.argv[1:]))
