"""Migrations: they agree with the models, apply once however many apply them, and are asked for by name."""

import asyncio
from urllib.parse import quote

import asyncpg
import pytest
from tortoise.context import TortoiseContext
from tortoise.migrations.autodetector import MigrationAutodetector

from omniforge_graph.errors import ConfigurationError, UnavailableError
from omniforge_graph.persistence import migrate, open_database
from omniforge_graph.persistence.database import connect
from omniforge_graph.persistence.schema import APPS, TORTOISE_ORM, expected_migrations


async def test_models_and_migrations_agree():
    with TortoiseContext() as context:
        await context.init(TORTOISE_ORM, init_connections=False)
        changes = await MigrationAutodetector(context.apps, APPS).changes()
    assert [operation.describe() for writer in changes for operation in writer.operations] == []


async def test_migrating_is_done_once(empty_database_url, make):
    assert await migrate(empty_database_url) == tuple(sorted(expected_migrations()))
    async with open_database(empty_database_url) as repository:
        prompt = await make.stored_prompt(repository)
        assert await migrate(empty_database_url) == ()
        await repository.ping()
        assert await repository.all_prompts() == [prompt]


async def test_several_migrate_at_the_same_time(empty_database_url):
    results = await asyncio.gather(*(migrate(empty_database_url) for _ in range(6)))
    assert sorted(map(len, results)) == [0, 0, 0, 0, 0, len(expected_migrations())]


async def test_a_migration_that_dies_half_way_leaves_nothing(empty_database_url, monkeypatch):
    def die(*_):
        raise RuntimeError("power cut")

    with monkeypatch.context() as patch:
        patch.setattr("tortoise.migrations.recorder.MigrationRecorder.record_applied", die)
        with pytest.raises(RuntimeError, match="power cut"):
            await migrate(empty_database_url)
    assert await migrate(empty_database_url) == tuple(sorted(expected_migrations()))


async def test_only_migrating_makes_a_sqlite_file(tmp_path):
    url, path = f"sqlite:///{tmp_path / 'new.db'}", tmp_path / "new.db"
    with pytest.raises(UnavailableError, match=r"new\.db cannot be opened.*omniforge-graph migrate"):
        async with open_database(url):
            pass
    assert not path.exists()
    await migrate(url)
    async with open_database(url) as repository:
        await repository.ping()


async def test_a_database_that_was_not_migrated_is_told_what_to_do(empty_database_url, make):
    async with open_database(empty_database_url) as repository:
        for question in (repository.ping(), repository.all_prompts(), make.stored_prompt(repository)):
            with pytest.raises(UnavailableError, match="omniforge-graph migrate"):
                await question


@pytest.mark.parametrize(
    ("statement", "words"),
    [
        ("DELETE FROM tortoise_migrations", "run `omniforge-graph migrate`"),
        (
            "UPDATE tortoise_migrations SET name = '9999_later' WHERE name = '0001_initial'",
            "run `omniforge-graph migrate`",
        ),
        (
            "INSERT INTO tortoise_migrations (app, name, applied_at) VALUES ('omniforge', '9999_later', '2030-01-01')",
            "newer release \\(9999_later\\)",
        ),
    ],
)
async def test_ping_knows_the_schema(database_url, statement, words):
    async with connect(database_url) as database, database.transaction() as session:
        await session.run(statement)
    async with open_database(database_url) as repository:
        with pytest.raises(UnavailableError, match=words):
            await repository.ping()


@pytest.mark.parametrize(
    "statement",
    [
        "DELETE FROM prompt_version WHERE prompt_id = '{experiment.prompt_id}'",
        "DELETE FROM prompt WHERE id = '{experiment.prompt_id}'",
        "DELETE FROM experiment WHERE id = '{experiment.id}'",
        "DELETE FROM variant WHERE experiment_id = '{experiment.id}'",
        "UPDATE experiment SET status = 'RUNNING'",
        "UPDATE prompt SET key = 'k'",
        "UPDATE prompt_version SET number = 1",
        "UPDATE exposure SET unit_id = 'u'",
        "UPDATE outcome SET event_id = 'e', tenant_id = NULL",
        "INSERT INTO metric (tenant_id, key, definition) SELECT tenant_id, key, definition FROM metric",
    ],
)
async def test_the_database_itself_refuses_what_must_not_be(database_url, make, statement):
    async with open_database(database_url) as repository:
        prompt = await make.stored_prompt(repository)
        await make.stored_prompt(repository)
        version = await repository.add_version(make.version(prompt.id))
        experiment = await make.started(repository, prompt)
        await make.stored_experiment(repository, prompt, versions=(version, version))
        await repository.record_exposures([make.exposure(experiment, unit) for unit in "uv"])
        await repository.record_outcomes([make.outcome("u", event_id=event) for event in "ef"])
        await repository.add_metric(experiment.metrics[0], None)
    async with connect(database_url) as database:
        with pytest.raises(Exception, match=r"(?i)constraint"):
            async with database.transaction() as session:
                await session.run(statement.format(experiment=experiment))


async def test_a_wrong_address_is_a_matter_of_configuration(tmp_path, postgres_server):
    (tmp_path / "no.db").write_text("This is a text of some length that is not a database at all. " * 50)
    urls = (f"sqlite:///{tmp_path}/no.db", f"sqlite:///{tmp_path}/missing/folder.db", f"{postgres_server}/nowhere")
    for url in urls:
        with pytest.raises(ConfigurationError) as caught:
            await migrate(url)
        assert caught.value.path == ("database_url",)


async def test_a_server_that_is_away_is_not():
    with pytest.raises(UnavailableError, match=r"127\.0\.0\.1:1") as caught:
        await migrate("postgres://u:s3cr3t@127.0.0.1:1/name")
    assert "s3cr3t" not in f"{caught.value!r} {caught.value.__cause__!r}"


async def test_a_password_with_every_special_character(postgres_url):
    password = "p@s:s/w#o?r%d &=+'\"\\\\ü"
    admin = await asyncpg.connect(postgres_url)
    try:
        await admin.execute("CREATE ROLE locked LOGIN PASSWORD '" + password.replace("'", "''") + "'")
        right = postgres_url.replace("postgres:any@", f"locked:{quote(password, safe='')}@")
        async with connect(right) as database, database.reading() as session:
            assert (await session.rows("SELECT current_user AS name"))[0]["name"] == "locked"
        wrong = postgres_url.replace("postgres:any@", "locked:s3cr3t@")
        with pytest.raises(ConfigurationError, match="password") as caught:
            await migrate(wrong)
        assert "s3cr3t" not in f"{caught.value!r} {caught.value.__cause__!r}"
    finally:
        await admin.execute("DROP ROLE IF EXISTS locked")
        await admin.close()
