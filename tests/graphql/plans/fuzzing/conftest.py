"""A world that is filled once for each process."""

import asyncio
import gc
import logging
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.graphql.plans.fuzzing.ground import Ground


@pytest.fixture(scope="session")
def ground() -> Ground:
    return asyncio.run(Ground.made())


DROPPED = "(Executor|GraphQLCoreConverter)"
"""graphql-core drops what it began where a field beside fails before anything waits; plans must not."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents:
            item.add_marker(
                pytest.mark.filterwarnings(f"ignore:coroutine '{DROPPED}.*was never awaited:RuntimeWarning")
            )
            unraisable = f"ignore:Exception ignored in. <coroutine object {DROPPED}"
            item.add_marker(pytest.mark.filterwarnings(f"{unraisable}:pytest.PytestUnraisableExceptionWarning"))


@pytest.fixture(autouse=True)
def _quiet(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    caplog.set_level(logging.CRITICAL + 1)  # masked errors are meant here, by the thousand
    yield
    gc.collect()  # what was dropped here must not be found by another test
