"""References that are read from databases: a version for each content that is new."""

from datetime import timedelta
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from bot.domain.rules import Rules
from bot.domain.watched.monitor import WatchedModel
from bot.domain.watched.pull import ReferenceSection
from bot.errors import TandemError
from bot.inbox.inbox import Inbox
from bot.integrations.pull.reference import ReferencePull
from bot.integrations.rows import RowsIntake
from bot.model_store import references
from bot.model_store.frames import Frames, open_frames
from bot.storage.database import Database
from tests.conftest import Clock

pytest.importorskip("duckdb", reason="the extra duckdb is not installed")
on_sqlite = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
RULES = Rules(models={"fraud": WatchedModel()})


@pytest.fixture
def frames(database: Database, tmp_path: Path) -> Frames:
    return open_frames(database, str(tmp_path / "models"))


@on_sqlite
async def test_a_reference_is_pulled_once_a_content_and_is_the_newest_version(
    database: Database, inbox: Inbox, frames: Frames, tmp_path: Path, clock: Clock
) -> None:
    def write(*amounts: float) -> None:
        pq.write_table(pa.table({"amount": list(amounts), "label": [1] * len(amounts)}), tmp_path / "train.parquet")

    async def versions() -> list[references.Reference]:
        async with database.read() as connection:
            return await references.versions(connection, "fraud")

    write(1.0, 2.0)
    sql = f"select * from read_parquet('{tmp_path}/train.parquet')"
    section = ReferenceSection.model_validate({"sql": sql, "from": "W", "every": "1h", "model_version": "7"})
    intake = RowsIntake(inbox.append, frames, clock, RULES)
    pull = ReferencePull("fraud", section, lambda: "duckdb:///:memory:", database, intake, clock)
    await pull.pull()
    clock.pass_(hours=1)
    await pull.pull()
    [first] = await versions()
    assert (first.rows, first.lineage.model_version, first.lineage.created_by) == (2, "7", "pull")
    write(1.0, 2.0, 3.0)
    await pull.pull()  # not due yet
    assert len(await versions()) == 1
    clock.pass_(hours=1)
    await pull.pull()
    newest, _ = await versions()
    assert newest.rows == 3


@on_sqlite
async def test_a_reference_without_a_schedule_is_read_again_only_after_a_failure(
    database: Database, inbox: Inbox, frames: Frames, tmp_path: Path, clock: Clock
) -> None:
    sql = f"select * from read_parquet('{tmp_path}/train.parquet')"
    section = ReferenceSection.model_validate({"sql": sql, "from": "W"})
    intake = RowsIntake(inbox.append, frames, clock, RULES)
    pull = ReferencePull("fraud", section, lambda: "duckdb:///:memory:", database, intake, clock)
    with pytest.raises(TandemError, match=r"train\.parquet"):
        await pull.pull()
    await pull.note_failure("no file", 1)
    pq.write_table(pa.table({"amount": [1.0]}), tmp_path / "train.parquet")
    await pull.pull()
    clock.now += timedelta(days=30)
    (tmp_path / "train.parquet").unlink()
    await pull.pull()
    async with database.read() as connection:
        assert len(await references.versions(connection, "fraud")) == 1
