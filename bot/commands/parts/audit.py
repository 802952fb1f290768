"""The audit log: whether it is whole, its head, and seals of another key."""

from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import inspect

from bot.config import Environment
from bot.errors import ConfigError, TandemError
from bot.storage.database import Database, open_existing
from bot.storage.queries import audit
from bot.storage.seal import Seal, head_file_of, key_file_of, make_seal, read_seal
from bot.storage.sealing import begin_anew, refusal_of, sealed_from
from bot.storage.tables.core import AuditRow
from bot.storage.tables.seals import SealRow


def key_of(environment: Environment) -> str | None:
    return environment.seal_key.get_secret_value() if environment.seal_key else None


async def find_faults(database: Database, environment: Environment, heads: list[str]) -> tuple[str, str]:
    """What is wrong with the log, or empty; and what is whole. ``heads`` were written down before.

    Raises ConfigError where the key cannot be read.
    """
    async with database.read() as connection:
        if not await connection.run_sync(lambda sync: inspect(sync).has_table(AuditRow.__tablename__)):
            return "", "not begun: `tandem run` makes the tables"
        if not await connection.run_sync(lambda sync: inspect(sync).has_table(SealRow.__tablename__)):
            return "", "not sealed yet: `tandem run` brings the tables up to date"
        if (broken := await audit.first_broken(connection)) is not None:
            return f"broken from row {broken} on: it was changed, or is missing", ""
        _, first = await audit.anchor(connection)
        whole = "whole" + (f", from row {first} on; what was before is in the archive" if first > 1 else "")
        found = await sealed_from(connection)
        if found is None:
            newest = await audit.head(connection)
            if newest.mac:
                return "its rows bear seals, and the record of their key is gone", ""
            return "", f"{whole}: the hash of every row holds; not sealed yet, `tandem run` does it"
        seal = read_seal(key_of(environment), key_file_of(environment.database_url))
        if why := refusal_of(found, seal):
            return why, ""
        if (unsealed := await audit.first_unsealed(connection, seal, found["from_seq"])) is not None:
            return f"row {unsealed} does not bear the seal of this key: somebody else wrote it", ""
        for text in heads:
            head = audit.read_head(text, seal)
            if head is None:
                return f"{text.strip()[:80]!r} is no head of a log with this key", ""
            if not await audit.is_in(connection, head):
                return f"row {head.seq}, once its head, is missing or another one: it was cut, or made anew", ""
        before = f"; rows before {found['from_seq']} have hashes only" if found["from_seq"] > 1 else ""
        return "", f"{whole}: the seal of every row holds{before}"


def written_heads(environment: Environment) -> list[str]:
    """The head that `tandem run` has written beside the data, where it has."""
    file = head_file_of(environment.database_url)
    return [file.read_text(errors="replace")] if file.exists() else []


async def show_head(environment: Environment) -> str:
    database = open_existing(environment.database_url)
    try:
        async with database.read() as connection:
            return str(await audit.head(connection))
    finally:
        await database.close()


def _text_of(head: str) -> str:
    """What a file holds, or the head itself."""
    return Path(head).read_text() if Path(head).is_file() else head


async def check(environment: Environment, head: str | None) -> str:
    """Says that the log is whole; raises TandemError where it is not. ``head`` may be a file."""
    database = open_existing(environment.database_url)
    try:
        heads = written_heads(environment)
        if head is not None:
            heads.append(_text_of(head))
        fault, whole = await find_faults(database, environment, heads)
    finally:
        await database.close()
    if fault:
        raise TandemError(f"the audit log: {fault}")
    return f"the audit log is {whole}"


async def reseal(environment: Environment) -> str:
    """Begin anew with the key that is there now; what was before counts by its hashes alone."""
    database = open_existing(environment.database_url)
    seal: Seal = make_seal(key_of(environment), key_file_of(environment.database_url))
    database.use_seal(seal)
    try:
        async with database.write() as connection:
            if (broken := await audit.first_broken(connection)) is not None:
                raise ConfigError(f"the audit log is broken from row {broken} on: compare with a backup first")
            await begin_anew(connection, seal, datetime.now(UTC))
            return f"sealed with the key {seal.key_id} from now on; head: {await audit.head(connection)}"
    finally:
        await database.close()
