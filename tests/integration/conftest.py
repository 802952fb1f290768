from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import pytest

from bot.domain.event import AlertEvent
from bot.domain.rules import Rules
from bot.inbox.inbox import Inbox
from bot.inbox.jetstream import JetStreamInbox
from bot.storage.database import Database
from tests.conftest import Clock
from tests.integration.pipeline_driver import Pipeline, make_alert
from tests.nats_server import NatsServer, running_server


@pytest.fixture
async def pipeline(database: Database, inbox: Inbox, clock: Clock) -> Pipeline:
    return await Pipeline(database, inbox, clock, Rules()).prepare()


@pytest.fixture
def alert(clock: Clock) -> Callable[..., AlertEvent]:
    return make_alert(clock)


@pytest.fixture
def own_server(tmp_path: Path) -> Iterator[NatsServer]:
    """A NATS server that may be killed."""
    with running_server(tmp_path / "nats") as server:
        yield server


@pytest.fixture
async def own(own_server: NatsServer) -> AsyncIterator[JetStreamInbox]:
    inbox = JetStreamInbox(own_server.url)
    await inbox.prepare(0)
    yield inbox
    await inbox.close()
