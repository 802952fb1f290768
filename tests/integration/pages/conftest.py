"""A model under watch, for tests of pages."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from bot.inbox.inbox import Inbox
from bot.storage.database import Database
from tests.conftest import Clock
from tests.integration.watches.models_driver import Models, rules_for


@pytest.fixture
async def models(database: Database, inbox: Inbox, clock: Clock, tmp_path: Path) -> AsyncIterator[Models]:
    rules = rules_for({"kind": "drift", "window": {"rows": 500}}, depends_on={"checkout": ["db"]})
    made = Models(database, inbox, clock, rules, tmp_path)
    await made.prepare()
    yield made
    await made.watch.close()
