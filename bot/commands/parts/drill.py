"""A drill of a runbook from the command line. It reads the database, where there is one, and writes nothing."""

import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime

from sqlalchemy import inspect

from bot.components.protection import protection_of
from bot.components.remediation import query_reader
from bot.config import Config, Environment
from bot.config.environment import secrets_from
from bot.domain.run import Run
from bot.domain.runs.drill import Rehearsal
from bot.errors import ConfigError
from bot.incidents.guarding import guards_of
from bot.kubernetes.cluster import Cluster
from bot.remediation.approval import Terms
from bot.remediation.drills.rehearsal import Means, rehearse
from bot.remediation.drills.subject import Wanted
from bot.remediation.executors import Foreseen, StepContext, foresee
from bot.storage.database import Database, open_database, open_existing
from bot.storage.tables.runs import RunbookDrillRow

_MARK = {True: "ok", False: "FAILED", None: "-"}


async def rehearsed(environment: Environment, config: Config, runbook: str, incident: int | None) -> Rehearsal:
    """Raises Refused where there is no such runbook or incident."""
    secrets, rules = secrets_from(), config.rules()
    cluster = Cluster(config.kubernetes.access) if config.kubernetes else None
    protection = replace(protection_of(environment), cluster=cluster)

    async def look(run: Run, position: int) -> Foreseen | None:
        about = (run.id, run.incident_id, f"step/{position}/preview", secrets, protection, tuple(run.plan.targets))
        return await foresee(run.plan.steps[position], StepContext(*about, drill=True))

    means = Means(look, query_reader(config.prometheus, secrets).read)
    wanted = Wanted(runbook, incident, rules.partitions)
    try:
        async with _opened(environment) as database:
            return await rehearse(database, Terms(config.runbooks, guards_of(rules)), means, wanted, datetime.now(UTC))
    finally:
        if cluster is not None:
            await cluster.close()


@asynccontextmanager
async def _opened(environment: Environment) -> AsyncIterator[Database]:
    """The database; an empty one where Tandem has not run here yet."""
    database = await _existing(environment)
    with tempfile.TemporaryDirectory(prefix="tandem-drill-") as folder:
        if database is None:
            database = open_database(f"sqlite:///{folder}/drill.db")
            await database.migrate()
        try:
            yield database
        finally:
            await database.close()


async def _existing(environment: Environment) -> Database | None:
    try:
        database = open_existing(environment.database_url)
    except ConfigError:
        return None
    async with database.read() as connection:
        if await connection.run_sync(lambda sync: inspect(sync).has_table(RunbookDrillRow.__tablename__)):
            return database
    await database.close()
    raise ConfigError("the tables are not those of this release: `tandem run` brings them up to date")


def in_words(found: Rehearsal) -> Iterator[str]:
    yield f"Drill of {found.runbook}: {found.title}"
    for check in found.checks:
        first, *more = check.said.splitlines() or [""]
        yield f"  {_MARK[check.ok]:6}  {check.what}: {first}"
        yield from (f"          {line}" for line in more)
    yield "Nothing was changed. " + ("It would work." if found.ok else f"It would fail: {'; '.join(found.failures)}")
