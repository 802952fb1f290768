"""The bot with its inbox in NATS JetStream: what was answered with 202 is in one incident, whatever falls over."""

import asyncio
from collections.abc import Iterator
from contextlib import suppress
from itertools import count
from pathlib import Path

import aiohttp
import pytest

from bot.localslack import LocalSlack
from tests.acceptance.harness import CHANNEL, TOKEN, Tandem, alert, delivery, running, until
from tests.nats_server import NatsServer, running_server

SENDERS = 4


@pytest.fixture
def server(tmp_path: Path) -> Iterator[NatsServer]:
    with running_server(tmp_path / "nats") as server:
        yield server


class Senders:
    """Deliver alerts of a service each, one after another; know what was acknowledged, and every other answer."""

    def __init__(self, tandem: Tandem) -> None:
        self._tandem = tandem
        self.acknowledged: set[str] = set()
        self.refused: set[int] = set()

    async def run(self, sender: int) -> None:
        for i in count():
            instance = f"{sender}-{i}"
            with suppress(aiohttp.ClientError, ValueError):
                status = await self._tandem.deliver(
                    alert(service=f"service-{sender}", instance=instance, cluster=f"c{sender}"), groupKey=""
                )
                if status == 202:
                    self.acknowledged.add(instance)
                else:
                    self.refused.add(status)
            await asyncio.sleep(0.01)

    async def more(self, number: int) -> None:
        """Return when so many more were acknowledged."""
        wanted = len(self.acknowledged) + number

        async def there() -> bool:
            return len(self.acknowledged) >= wanted

        await until(there, f"{number} more alerts are acknowledged", 20)


async def _worked_through(tandem: Tandem) -> bool:
    status, said = await tandem.get("/readyz")
    return status == 200 and said["inbox_lag"] == 0


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
async def test_every_acknowledged_alert_is_in_one_incident_after_server_and_bot_are_killed_under_load(
    tmp_path: Path, server: NatsServer, database_url: str
) -> None:
    config = {"correlation": {"partition_by": ["cluster"]}}
    options = {"database_url": database_url, "environment": {"TANDEM_INBOX_URL": server.url}}
    async with running(tmp_path, config, **options) as tandem:
        senders = Senders(tandem)
        sending = [asyncio.create_task(senders.run(sender)) for sender in range(SENDERS)]
        await senders.more(100)
        await asyncio.to_thread(server.kill)
        await asyncio.sleep(0.5)
        await asyncio.to_thread(server.start)
        await senders.more(100)
        await tandem.kill()
        await tandem.start()
        await senders.more(100)
        for task in sending:
            task.cancel()
        await asyncio.gather(*sending, return_exceptions=True)
        await until(lambda: _worked_through(tandem), "all is worked through", 30)
        incidents = await tandem.incidents()
        found = [known["labels"]["instance"] for incident in incidents for known in incident["alerts"]]
        assert senders.acknowledged <= set(found)
        assert len(found) == len(set(found))
        assert len(incidents) == SENDERS
        assert senders.refused <= {503}
        assert await _messages(tandem) == SENDERS


async def _messages(tandem: Tandem) -> int:
    """How many there are, once every incident has one."""
    await until(lambda: _shown(tandem), "Slack shows every incident", 20)
    return len(tandem.slack.messages(CHANNEL))


async def _shown(tandem: Tandem) -> bool:
    return len(tandem.slack.messages(CHANNEL)) >= SENDERS


async def test_while_jetstream_is_gone_a_sender_is_asked_to_come_again_and_the_bot_says_that_it_is_not_ready(
    tmp_path: Path, server: NatsServer
) -> None:
    async with running(tmp_path, {}, environment={"TANDEM_INBOX_URL": server.url}) as tandem:
        assert await tandem.deliver(alert(instance="before")) == 202
        server.kill()
        async with (
            aiohttp.ClientSession(headers={"Authorization": f"Bearer {TOKEN}"}) as session,
            session.post(f"{tandem.url}/webhooks/alertmanager", json=delivery(alert(instance="while"))) as answer,
        ):
            assert answer.status == 503
            assert int(answer.headers["Retry-After"]) >= 5
            assert "nothing was accepted" in (await answer.json())["detail"]
        assert (await tandem.get("/readyz"))[0] == 503
        await asyncio.to_thread(server.start)
        await until(lambda: _worked_through(tandem), "the bot is ready again", 15)
        assert await tandem.deliver(alert(instance="after")) == 202
        await tandem.message("2 alerts")


async def test_a_bot_does_not_start_on_another_inbox_while_the_old_one_was_not_worked_through(
    tmp_path: Path, server: NatsServer
) -> None:
    async with LocalSlack() as slack:
        tandem = Tandem(tmp_path, slack, {}, environment={"TANDEM_INBOX_URL": server.url})
        await tandem.start()
        assert await tandem.deliver(alert()) == 202
        await tandem.stop()
        tandem.environment["TANDEM_INBOX_URL"] = ""
        with pytest.raises(AssertionError, match=r"belong to another inbox \(stream TANDEM made"):
            await tandem.start()
