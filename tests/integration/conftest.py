from collections.abc import Callable

import pytest

from bot.domain.event import AlertEvent
from bot.domain.rules import Rules
from bot.storage.database import Database
from bot.storage.inbox import Inbox
from tests.conftest import Clock
from tests.integration.pipeline_driver import Pipeline, make_alert


@pytest.fixture
async def pipeline(database: Database, inbox: Inbox, clock: Clock) -> Pipeline:
    return await Pipeline(database, inbox, clock, Rules()).prepare()


@pytest.fixture
def alert(clock: Clock) -> Callable[..., AlertEvent]:
    return make_alert(clock)
