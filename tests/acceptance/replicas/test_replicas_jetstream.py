"""Three replicas whose inbox is a JetStream: the event log is killed and restarted, and so is a replica."""

import asyncio
from collections.abc import AsyncIterator, Iterator

import pytest
import pytest_asyncio

from tests.acceptance.postgresql_server import postgresql_server
from tests.acceptance.replica_set import TAKEOVER_SECONDS, Replicas, print_figures, three_replicas
from tests.nats_server import NatsServer, running_server

AWAY_SECONDS = 3

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(150)]


@pytest.fixture(scope="module")
def stream(tmp_path_factory: pytest.TempPathFactory) -> Iterator[NatsServer]:
    with running_server(tmp_path_factory.mktemp("stream")) as server:
        yield server


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def fleet(tmp_path_factory: pytest.TempPathFactory, stream: NatsServer) -> AsyncIterator[Replicas]:
    folder = tmp_path_factory.mktemp("fleet")
    async with postgresql_server() as server, three_replicas(folder, server, stream.url) as fleet:
        yield fleet
        print_figures(fleet.figures)


async def test_jetstream_is_killed_and_restarts(fleet: Replicas, stream: NatsServer) -> None:
    async with fleet.under_load("JetStream restarts") as load:
        before = len(load.acknowledged)
        await asyncio.to_thread(stream.kill)
        await asyncio.sleep(AWAY_SECONDS)
        await asyncio.to_thread(stream.start)
        await fleet.all_work_again("JetStream restarts")
    assert len(load.acknowledged) > before


async def test_a_killed_replica_is_replaced_by_the_others_also_with_jetstream(fleet: Replicas) -> None:
    async with fleet.under_load("kill -9 with JetStream"):
        await fleet.kill_holder_of("role:notifier", "kill -9 with JetStream")
    assert fleet.figures["kill -9 with JetStream"]["takeover"] < TAKEOVER_SECONDS
