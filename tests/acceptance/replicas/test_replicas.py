"""Three replicas under steady load while one thing after another breaks; ``replicas.py`` checks the same each time.

``TANDEM_LONG_FAULTS=1`` takes the times of a real outage: a replica frozen for 30 s, Slack away for five minutes.
"""

import asyncio
import os
import signal
import time
from collections.abc import AsyncIterator
from datetime import UTC, datetime

import pytest
import pytest_asyncio

from tests.acceptance.harness import until
from tests.acceptance.postgresql_server import postgresql_server
from tests.acceptance.replica_set import HANDOVER_SECONDS, TAKEOVER_SECONDS, Replicas, print_figures, three_replicas

LONG = bool(os.environ.get("TANDEM_LONG_FAULTS"))
FROZEN_SECONDS = 30 if LONG else 10
SLACK_AWAY_SECONDS = 300 if LONG else 15
REFUSED_SECONDS = 20
CUT_SECONDS = 10

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(600 if LONG else 150)]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def fleet(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Replicas]:
    async with postgresql_server() as server, three_replicas(tmp_path_factory.mktemp("fleet"), server) as fleet:
        yield fleet
        print_figures(fleet.figures)
        await fleet.mend()
        await until(fleet.all_shown, "Slack shows every incident as it is", 120)


async def test_three_replicas_share_the_work_and_make_one_incident_and_one_message_of_each_group(
    fleet: Replicas,
) -> None:
    async with fleet.under_load("nothing"):
        await asyncio.sleep(3)
    holders = await fleet.holders()
    shares = [sum(holders[f"partition:{i}"] == member.name for i in range(16)) for member in fleet.members]
    assert max(shares) <= 6
    assert fleet.marks(), "steps were approved and took effect"


async def test_a_killed_replica_is_replaced_by_the_others(fleet: Replicas) -> None:
    async with fleet.under_load("kill -9"):
        await fleet.kill_holder_of("role:remediation", "kill -9")
    assert fleet.figures["kill -9"]["takeover"] < TAKEOVER_SECONDS


async def test_a_frozen_replica_finds_on_waking_that_it_lost_everything_and_writes_nothing(fleet: Replicas) -> None:
    async with fleet.under_load("frozen"):
        victim = await fleet.holder_of("role:notifier")
        lost = await fleet.held_by(victim)
        incarnation = await fleet.incarnation_of(victim)
        at = datetime.now(UTC)
        victim.send_signal(signal.SIGSTOP)
        fleet.note("frozen", takeover=await fleet.taken_over(lost, at))
        await asyncio.sleep(max(0, FROZEN_SECONDS - (datetime.now(UTC) - at).total_seconds()))
        victim.send_signal(signal.SIGCONT)
        await until(victim.ready, "the replica is ready again", 20)
        await until(lambda: fleet.has_share(victim), "the replica has a share again", 20)
        assert victim.up
        assert await fleet.incarnation_of(victim) != incarnation
    assert fleet.figures["frozen"]["takeover"] < TAKEOVER_SECONDS


async def test_postgresql_crashes_and_restarts(fleet: Replicas) -> None:
    async with fleet.under_load("PostgreSQL restarts"):
        await fleet.server.crash_and_restart()
        await fleet.all_work_again("PostgreSQL restarts")


async def test_postgresql_refuses_connections_and_the_doors_say_so(fleet: Replicas) -> None:
    async with fleet.under_load("PostgreSQL refuses") as load:
        before = load.refusals.get(503, 0)
        await fleet.server.refuse_connections(True)
        try:
            await asyncio.sleep(REFUSED_SECONDS)
        finally:
            await fleet.server.refuse_connections(False)
        assert load.refusals.get(503, 0) > before
        await fleet.all_work_again("PostgreSQL refuses")


async def test_a_replica_that_is_cut_off_from_postgresql_leaves_slack_alone(fleet: Replicas) -> None:
    async with fleet.under_load("cut off"):
        victim = await fleet.holder_of("role:notifier")
        lost = await fleet.held_by(victim)
        began, at = time.monotonic(), datetime.now(UTC)
        victim.database.cut()
        fleet.note("cut off", takeover=await fleet.taken_over(lost, at))
        await asyncio.sleep(max(0, CUT_SECONDS - (time.monotonic() - began)))
        late = [heard for heard in victim.slack.heard if heard.at - began > 3 and b"/chat." in heard.began]
        assert late == [], f"{len(late)} calls after it had lost its role"
        await victim.database.resume()
        await until(lambda: fleet.has_share(victim), "the replica has a share again", 20)
    assert fleet.figures["cut off"]["takeover"] < TAKEOVER_SECONDS


async def test_slack_is_down_for_a_while(fleet: Replicas) -> None:
    async with fleet.under_load("Slack is down"):
        fleet.slack.fail("*", "down", count=1_000_000)
        try:
            await asyncio.sleep(SLACK_AWAY_SECONDS)
        finally:
            fleet.slack.clear_faults()


async def test_a_rolling_restart_hands_over_at_once(fleet: Replicas) -> None:
    async with fleet.under_load("rolling restart"):
        worst = 0.0
        for member in fleet.members:
            lost = await fleet.held_by(member)
            at = datetime.now(UTC)
            assert await member.tandem.stop() == 0
            worst = max(worst, await fleet.taken_over(lost, at))
            await member.tandem.start()
            await until(lambda member=member: fleet.has_share(member), f"{member.name} has a share", 20)  # type: ignore[misc]
        fleet.note("rolling restart", takeover=worst)
    assert fleet.figures["rolling restart"]["takeover"] < HANDOVER_SECONDS
