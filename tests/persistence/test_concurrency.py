"""Several processes at once: what must happen happens once, and nothing that was acknowledged is lost."""

from collections import Counter

import msgspec
import pytest

from omniforge_graph.domain.change import ChangeSet, Subject
from omniforge_graph.domain.experiment import ExperimentStatus
from omniforge_graph.persistence import open_database

PROCESSES = 4
pytestmark = pytest.mark.timeout(300)


@pytest.fixture
def save_at_once(database_url, in_processes):
    """Saves 200 change sets from four processes at the same time and returns how often each answer was given."""

    async def run(changes):
        assert len(changes) == 200
        shares = [changes[place::PROCESSES] for place in range(PROCESSES)]
        return Counter(
            await in_processes(database_url, [("save", msgspec.json.encode(share).decode()) for share in shares])
        )

    return run


async def sequences(repository):
    return [change.sequence for change in await repository.changes_since(0)]


async def test_independent_starts_all_succeed_at_the_first_try(database_url, make, save_at_once):
    async with open_database(database_url) as repository:
        experiments = [await make.stored_experiment(repository) for _ in range(200)]
        assert await save_at_once([make.starting(each) for each in experiments]) == {"SAVED": 200}
        assert len(await repository.running_experiments()) == 200
        assert await sequences(repository) == list(range(1, 601))


async def test_one_of_many_starts_of_two_experiments_on_a_prompt_succeeds(database_url, make, save_at_once):
    async with open_database(database_url) as repository:
        prompt = await make.stored_prompt(repository)
        pair = [await make.stored_experiment(repository, prompt) for _ in range(2)]
        answers = await save_at_once([make.starting(pair[place // PROCESSES % 2]) for place in range(200)])
        assert answers == {"SAVED": 1, "STALE_REVISION": 99, "ALREADY_RUNNING": 100}
        assert len(await repository.running_experiments()) == 1
        assert await sequences(repository) == [1, 2, 3, 4]


async def test_one_of_many_promotions_succeeds(database_url, make, save_at_once):
    async with open_database(database_url) as repository:
        prompt = await make.stored_prompt(repository)
        version = await repository.add_version(make.version(prompt.id, "better"))
        pair = [await make.stored_experiment(repository, prompt, versions=(version, version)) for _ in range(2)]
        paused = []
        for experiment in pair:
            running = experiment.start(make.now)
            paused.append(running.stop())
            for subject, step in (Subject.EXPERIMENT_STARTED, running), (Subject.EXPERIMENT_STOPPED, paused[-1]):
                await repository.save(ChangeSet(subject, make.signature, step))
        promotions = [
            ChangeSet(
                Subject.VARIANT_PROMOTED,
                make.signature,
                each.promote(each.variants[0].id, make.now, {}),
                prompt.with_current(version),
            )
            for each in paused
        ]
        assert await save_at_once(promotions * 100) == {"SAVED": 1, "STALE_REVISION": 199}
        found = (await repository.get_experiments([each.id for each in pair])).values()
        assert sorted(each.status for each in found) == [ExperimentStatus.COMPLETED, ExperimentStatus.PAUSED]
        assert (await repository.get_prompts([prompt.id]))[prompt.id] == prompt.with_current(version)
        assert len(await sequences(repository)) == 8


async def test_what_a_killed_process_was_told_is_there(database_url, make, worker):
    acknowledged = []
    for round_ in range(3):
        async with worker(database_url, "write", f"round-{round_}") as process:
            process.stdin.close()
            told = b"".join([await process.stdout.readline() for _ in range(20 + 7 * round_)])
            process.kill()
            told += await process.stdout.read()
            await process.wait()
            acknowledged += told.decode().split("\n")[:-1]  # a line that was cut short was not told
    async with open_database(database_url) as repository:
        again = [make.outcome("unit", event_id=event_id) for event_id in acknowledged]
        assert await repository.record_outcomes(again) == [False] * len(again)
        await make.started(repository)  # and no lock was left behind
