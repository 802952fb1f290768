"""A noisy source must not hide an incident elsewhere."""

import asyncio
import json
import time
from pathlib import Path

from tests.acceptance.harness import CHANNEL, alert, running
from tests.acceptance.starvation import until_given

FLOOD_SECONDS = 6.0
SENDERS = 4
A_DELIVERY = 50


async def test_in_a_flood_from_one_source_an_incident_elsewhere_is_seen_within_seconds(tmp_path: Path) -> None:
    async with running(tmp_path, {}) as tandem:
        until_ = time.monotonic() + FLOOD_SECONDS
        sent = 0

        async def flood(sender: int) -> None:
            nonlocal sent
            while time.monotonic() < until_:
                noise = [
                    alert(service="noisy", alertname=f"Noise{sender}", instance=str(sent + i))
                    for i in range(A_DELIVERY)
                ]
                status = await tandem.deliver(*noise, groupKey="noise")
                assert status in (202, 429)
                sent += A_DELIVERY if status == 202 else 0

        floods = [asyncio.create_task(flood(sender)) for sender in range(SENDERS)]
        await tandem.message("noisy")
        assert await tandem.deliver(alert(service="checkout", alertname="PaymentsFail"), groupKey="real") == 202
        told = time.monotonic()

        async def seen() -> bool:
            return "PaymentsFail" in json.dumps(tandem.slack.messages(CHANNEL))

        assert tandem.process is not None
        await until_given(tandem.process.pid, 10, seen, "the incident elsewhere is seen")
        assert until_ > told, "the flood had ended before the incident was told"
        await asyncio.gather(*floods)
        assert sent > 1000
