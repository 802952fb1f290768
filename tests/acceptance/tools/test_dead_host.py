"""A dead host's guests are one line of the message, and all of them are in the API and in the thread."""

from pathlib import Path

from tests.acceptance.harness import CHANNEL, alert, running

GUESTS = [f"guest-{n}" for n in range(6)]


async def test_a_dead_host_silences_its_guests_and_loses_none(tmp_path: Path) -> None:
    host = {"alertname": "InstanceDown", "service": "", "job": "node", "instance": "db-1:9100"}
    guests = [alert(service=name, instance="db-1:80") for name in GUESTS]
    line = "6 alerts of 6 services on db-1 (down) are its consequence"
    async with running(tmp_path, {"services": {"db-1": {}}}) as tandem:
        await tandem.deliver(alert(**host))
        await tandem.deliver(*guests)
        folded = await tandem.message(line, absent="*HighLatency* on guest-0")
        [incident] = await tandem.incidents()
        assert len(incident["alerts"]) == 7
        assert incident["summary"].endswith(f"{line}.")
        await tandem.deliver(alert("resolved", **host) | {"endsAt": "2026-01-01T00:00:01Z"})
        shown = await tandem.message("*HighLatency* on guest-0", absent=line)
        assert (shown["ts"], len(tandem.slack.messages(CHANNEL))) == (folded["ts"], 1)
