from collections.abc import Callable

import pytest

from bot.domain.event import AlertEvent
from bot.domain.rules import Rules
from bot.storage.database import Database
from tests.conftest import Clock
from tests.integration.pipeline_driver import Pipeline, make_alert


@pytest.fixture
async def pipeline(database: Database, clock: Clock) -> Pipeline:
    return await Pipeline(database, clock, Rules()).prepare()


@pytest.fixture
def alert(clock: Clock) -> Callable[..., AlertEvent]:
    return make_alert(clock)
