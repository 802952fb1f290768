"""Three replicas of the real program on one PostgreSQL, each with networks of its own that can be cut."""

import asyncio
import json
import os
import signal
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from bot.inbox.entries import RawEntry
from bot.inbox.jetstream import JetStreamInbox
from bot.localslack import LocalSlack
from tests.acceptance import ledger
from tests.acceptance.harness import CHANNEL, ON_CALL, until
from tests.acceptance.ledger import rows
from tests.acceptance.postgresql_server import PostgresqlServer
from tests.acceptance.replica import Replica, new_replica
from tests.acceptance.steady_load import Load, clusters, steady_load

DOMAINS = 4
"""So many in each phase, and others in each: services of one domain that fail again and again become one incident."""
TAKEOVER_SECONDS = 5
HANDOVER_SECONDS = 2


class Replicas:
    """A fleet. ``database`` is the address of its database past every proxy."""

    def __init__(
        self,
        folder: Path,
        server: PostgresqlServer,
        slack: LocalSlack,
        members: list[Replica],
        inbox_url: str | None = None,
    ) -> None:
        self.folder, self.server, self.slack, self.members = folder, server, slack, members
        self._inbox_url = inbox_url
        self.database = server.address
        self.figures: dict[str, dict[str, Any]] = {}

    async def start(self) -> None:
        """The first alone, as it migrates; the ledger is opened before anything happens."""
        first, *others = self.members
        await first.tandem.start()
        await ledger.open_ledger(self.database)
        await asyncio.gather(*(member.tandem.start() for member in others))

    async def mend(self) -> None:
        """Every replica runs, reaches everything and holds something, whatever was done before."""
        for member in self.members:
            await member.database.resume()
            await member.slack.resume()
            if member.up:
                member.send_signal(signal.SIGCONT)
            else:
                await member.tandem.start()
        for member in self.members:
            await until(member.ready, f"{member.name} is ready", 30)
        await until(self._shared, "every replica has its share", 15)

    async def _shared(self) -> bool:
        return all([await self.has_share(member) for member in self.members])

    async def holders(self) -> dict[str, str]:
        """Who holds each lease."""
        return dict(await rows(self.database, "SELECT name, replica FROM lease"))

    async def holder_of(self, lease: str) -> Replica:
        name = (await self.holders())[lease]
        return next(member for member in self.members if member.name == name)

    async def held_by(self, member: Replica) -> dict[str, str]:
        return {lease: holder for lease, holder in (await self.holders()).items() if holder == member.name}

    async def incarnation_of(self, member: Replica) -> str:
        [(incarnation,)] = await rows(self.database, "SELECT incarnation FROM replica WHERE id = %s", [member.name])
        return str(incarnation)

    async def has_share(self, member: Replica) -> bool:
        return any(lease.startswith("partition:") for lease in await self.held_by(member))

    def note(self, phase: str, **figures: float) -> None:
        self.figures.setdefault(phase, {}).update(figures)

    async def all_work_again(self, phase: str) -> None:
        """Wait until every replica says that it is ready; notes how many seconds that took."""
        began = time.monotonic()
        for member in self.members:
            await until(member.ready, f"{member.name} is ready again", 30)
        self.note(phase, ready_again=time.monotonic() - began)

    async def taken_over(self, lost: Mapping[str, str], since: datetime, seconds: float = 20) -> float:
        """Wait until others hold all that was lost; returns how many seconds after ``since`` the last was taken."""
        moments: dict[str, datetime] = {}

        async def all_taken() -> bool:
            noted = [line for line in await ledger.read_ledger(self.database, "lease") if line.at > since]
            moments.update(ledger.taken_over(noted, lost))
            return moments.keys() == lost.keys()

        assert lost, "the replica held something"
        await until(all_taken, f"all {len(lost)} leases have been taken over", seconds)
        return (max(moments.values()) - since).total_seconds()

    async def kill_holder_of(self, lease: str, phase: str) -> None:
        """Kill the replica that holds a lease; notes how long it takes until others hold all that it held."""
        victim = await self.holder_of(lease)
        lost = await self.held_by(victim)
        at = datetime.now(UTC)
        await victim.tandem.kill()
        self.note(phase, takeover=await self.taken_over(lost, at))

    @asynccontextmanager
    async def under_load(self, phase: str) -> AsyncIterator[Load]:
        """Steady load, clicks on every offer and, at the beginning, a step in flight; checked on leaving."""
        await self.mend()
        steps_before = len(self.marks())
        urls = [member.tandem.url for member in self.members]
        clicks = asyncio.create_task(self._click_offers())
        try:
            async with steady_load(phase, urls, self.database, clusters(DOMAINS, phase)) as load:

                async def steady() -> bool:
                    assert not clicks.done(), clicks.exception()
                    return len(load.acknowledged) >= 2 * DOMAINS

                async def in_flight() -> bool:
                    return len(self.marks()) > steps_before

                await until(steady, "alerts are acknowledged", 20)
                await until(in_flight, "an approved step is in flight", 20)
                yield load
        finally:
            clicks.cancel()
            await asyncio.gather(clicks, return_exceptions=True)
        self.note(phase, **load.figures())
        await self.check(load)

    async def _click_offers(self) -> None:
        """A person approves what is offered; Slack reaches one replica after the other, as a load balancer does."""
        turn = 0
        while True:
            for message in self.slack.messages(CHANNEL):
                if "run.approve" in json.dumps(message):
                    turn += 1
                    self.slack.request_url = f"{self.members[turn % len(self.members)].tandem.url}/slack/events"
                    with suppress(KeyError):  # the offer was taken away this moment
                        await self.slack.click(ON_CALL, CHANNEL, message["ts"], "run.approve")
            await asyncio.sleep(0.3)

    async def check(self, load: Load) -> None:
        """What must hold after every fault."""
        assert load.surprises == []
        await until(self._worked_through, "the inbox is worked through", 30)
        await until(self._runs_ended, "every approved run has ended", 60)
        incidents = await self._any().tandem.incidents()
        _check_in_one_incident(incidents, load)
        await until(self._all_posted, "every incident has its message", 90)
        self._check_one_message_each()
        await self._check_runs()
        moved = await ledger.read_ledger(self.database, "offset")
        ledger.check_offsets_chain(moved)
        ledger.check_written_by_holders(moved + await ledger.read_ledger(self.database, "message"))
        ledger.check_steps_once(await ledger.read_ledger(self.database, "step"))
        await ledger.check_order(self.database, await self._inbox())

    def _any(self) -> Replica:
        return next(member for member in self.members if member.up)

    async def _worked_through(self) -> bool:
        status, said = await self._any().tandem.get("/readyz")
        return status == 200 and said["inbox_lag"] == 0

    async def _runs_ended(self) -> bool:
        waiting = "SELECT count(*) FROM run WHERE status IN ('approved', 'running', 'verifying')"
        return await rows(self.database, waiting) == [(0,)]

    async def _all_posted(self) -> bool:
        ids = {incident for (incident,) in await rows(self.database, "SELECT id FROM incident")}
        return ids == set(self._posted())

    def _posted(self) -> list[str]:
        shown = [message["metadata"]["event_payload"] for message in self.slack.messages(CHANNEL)]
        return [facts["incident_id"] for facts in shown if "incident_id" in facts]  # not a digest

    def _check_one_message_each(self) -> None:
        posted = self._posted()
        assert len(posted) == len(set(posted)), "one message per incident"

    async def _check_runs(self) -> None:
        """No approved step had its effect twice, and no approval was forgotten."""
        done = self.marks()
        assert len(done) == len(set(done)), f"an approved step ran twice: {sorted(done)}"
        forgotten = await rows(
            self.database,
            "SELECT audit.subject, run.status FROM audit JOIN run ON audit.subject = 'run ' || run.id "
            "WHERE audit.action = 'run.approve' AND run.status IN ('proposed', 'rejected', 'expired')",
        )
        assert forgotten == [], f"approved, and not carried out: {forgotten}"

    def marks(self) -> list[str]:
        """The numbers of the incidents for which the step took effect."""
        marks = self.folder / "marks"
        return marks.read_text().split() if marks.exists() else []

    async def all_shown(self) -> bool:
        """Whether Slack shows every incident as it is."""
        behind = await rows(
            self.database,
            "SELECT count(*) FROM incident LEFT JOIN slack_message s ON s.incident_id = incident.id "
            "WHERE coalesce(s.shown_version, 0) < incident.version",
        )
        return behind == [(0,)]

    async def _inbox(self) -> list[bytes]:
        """All that was acknowledged, in order."""
        if self._inbox_url is None:
            return [bytes(found) for (found,) in await rows(self.database, "SELECT payload FROM inbox ORDER BY seq")]
        stream = JetStreamInbox(self._inbox_url)
        found: list[RawEntry] = []
        try:
            while more := await stream.raw_entries_after(found[-1][0] if found else 0, 500):
                found += more
        finally:
            await stream.close()
        return [bytes(payload) for _, _, _, payload in found]


def _check_in_one_incident(incidents: list[dict[str, Any]], load: Load) -> None:
    found: dict[str, set[str]] = {}
    for incident in incidents:
        for known in incident["alerts"]:
            found.setdefault(known["labels"]["instance"], set()).add(incident["id"])
    lost = load.acknowledged - found.keys()
    assert not lost, f"{len(lost)} acknowledged alerts are in no incident: {sorted(lost)[:5]}"
    assert all(len(found[instance]) == 1 for instance in load.acknowledged), "an alert is in two incidents"


@asynccontextmanager
async def three_replicas(
    folder: Path, server: PostgresqlServer, inbox_url: str | None = None
) -> AsyncIterator[Replicas]:
    """Started on an empty database; killed on leaving."""
    async with AsyncExitStack() as stack:
        slack = await stack.enter_async_context(LocalSlack())
        inbox = {"TANDEM_INBOX_URL": inbox_url} if inbox_url else {}
        members = [await new_replica(f"r{i}", folder / f"r{i}", server, slack, inbox, stack) for i in (1, 2, 3)]
        fleet = Replicas(folder, server, slack, members, inbox_url)
        await fleet.start()
        yield fleet


def print_figures(figures: Mapping[str, Mapping[str, Any]]) -> None:
    """A line a fault; also into the file that ``TANDEM_REPLICAS_FIGURES`` names."""
    lines = []
    for phase, said in figures.items():
        shown = {key: round(value, 2) if isinstance(value, float) else value for key, value in said.items()}
        lines.append(json.dumps({"fault": phase, **shown}))
    print("\n" + "\n".join(lines))
    if path := os.environ.get("TANDEM_REPLICAS_FIGURES"):
        with Path(path).open("a") as file:
            file.write("\n".join(lines) + "\n")
