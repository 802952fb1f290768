"""A changed tandem.yaml is taken without a restart and without losing anything, or refused with the reason."""

import asyncio
import signal
from pathlib import Path

import aiohttp

from tests.acceptance.harness import CHANNEL, TOKEN, Tandem, alert, delivery, running, until
from tests.acceptance.operate.test_cli import tandem as command

CRON = {"sources": {"cron": {"name": "title", "firing": "state != 'ok'", "id": "id", "service": "owner"}}}
JOB = {"id": 7, "title": "NightlyFailed", "state": "failed", "owner": "billing"}
SENDERS = 6


class Load:
    """Senders that deliver one alert after the other, each over one connection that is kept."""

    def __init__(self, tandem: Tandem) -> None:
        self._tandem, self._on = tandem, True
        self.statuses: list[int] = []

    async def send(self, sender: int) -> None:
        headers = {"Authorization": f"Bearer {TOKEN}"}
        async with aiohttp.ClientSession(headers=headers) as session:
            n = 0
            while self._on:
                n += 1
                body = delivery(alert(service="load", instance=f"{sender}-{n}"), groupKey=f"{sender}")
                path = "/webhooks/alertmanager" if n % 3 else "/webhooks/alertmanager?slowly"  # by aiohttp
                async with session.post(self._tandem.url + path, json=body) as answer:
                    self.statuses.append(answer.status)

    def stop(self) -> None:
        self._on = False


async def _reload(tandem: Tandem) -> tuple[int, str]:
    ended = await command("reload", TANDEM_DATABASE_URL=tandem.database_url)
    return ended.code, ended.out + ended.err


async def _metric(tandem: Tandem, name: str) -> float:
    async with aiohttp.ClientSession() as session, session.get(f"{tandem.url}/metrics") as answer:
        lines = (await answer.text()).splitlines()
    return next(float(line.rpartition(" ")[2]) for line in lines if line.startswith(name))


async def test_a_valid_file_is_taken_under_load_and_an_invalid_one_is_refused(tmp_path: Path) -> None:
    async with running(tmp_path, {}) as tandem:
        assert await tandem.deliver(alert(service="cart"), groupKey="cart") == 202
        await tandem.message("HighLatency on cart")
        assert (await tandem.post("/webhooks/cron", JOB))[0] == 404
        load = Load(tandem)
        senders = [asyncio.create_task(load.send(sender)) for sender in range(SENDERS)]
        await asyncio.sleep(0.5)
        tandem.configure(CRON)
        code, said = await _reload(tandem)
        assert (code, "has taken" in said) == (0, True), said
        assert (await tandem.post("/webhooks/cron", JOB))[0] == 202
        load.stop()
        await asyncio.gather(*senders)
        assert len(load.statuses) > 100
        assert set(load.statuses) == {202}
        await tandem.message("NightlyFailed")

        tandem.configure(CRON | {"slakc": {}})
        code, said = await _reload(tandem)
        assert code == 2
        assert "tandem.yaml" in said and "did you mean 'slack'?" in said
        assert await _metric(tandem, "tandem_config_refused ") == 1
        doctor = await command(
            "doctor", "--config", tandem.folder / "tandem.yaml", TANDEM_DATABASE_URL=tandem.database_url
        )
        assert "refused the newest" in doctor.out
        assert (await tandem.post("/webhooks/cron", JOB | {"id": 8}))[0] == 202, "all goes on as before"

        tandem.configure({})
        assert tandem.process is not None
        tandem.process.send_signal(signal.SIGHUP)

        async def taken() -> bool:
            return (await tandem.post("/webhooks/cron", JOB | {"id": 9}))[0] == 404

        await until(taken, "the source is gone")
        assert await _metric(tandem, "tandem_config_refused ") == 0

        assert await tandem.deliver(alert("resolved", service="cart"), groupKey="cart") == 202
        await tandem.message("#1 cart was slow")
        texts = [message["text"] for message in tandem.slack.messages(CHANNEL)]
        assert len([text for text in texts if " #1 " in text]) == 1
        count = sum(len(incident["alerts"]) for incident in await tandem.incidents() if "load" in incident["services"])
        assert count == len(load.statuses), "nothing acknowledged is lost"
