"""Other labels tell correlation domains apart: what fires under the old ones still ends, and is known."""

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime

import aiohttp
import pytest

from bot.app import App
from bot.components.partitions import offline
from bot.config import Config
from bot.domain.event import AlertEvent, AlertStatus, fingerprint_of
from bot.domain.incident import Incident
from bot.errors import ConfigError
from bot.inbox.inbox import Inbox
from bot.storage.database import Database
from bot.watches import homes as pieces
from tests.acceptance.harness import until
from tests.conftest import Clock
from tests.integration.partitions.estate import CLUSTERS, Estate, ruled
from tests.integration.partitions.test_setting import TOKEN, environment, on_postgresql, on_sqlite

Make = Callable[..., AlertEvent]
_CASES = pytest.mark.parametrize(
    ("before", "after"),
    [
        (["cluster"], []),
        ([], ["cluster"]),
        (["cluster"], ["cluster", "host"]),
        (["cluster", "host"], ["host", "cluster"]),
        (["cluster"], ["host"]),
    ],
)


@on_sqlite
@_CASES
async def test_every_alert_ends_its_incident_and_what_was_learnt_is_there(
    database: Database, inbox: Inbox, clock: Clock, alert: Make, before: list[str], after: list[str]
) -> None:
    estate = Estate(database, inbox, clock, ruled(16, before))
    await estate.fill(alert)
    await estate.pipeline.append(alert(cluster=CLUSTERS[1], alertname="Waits"))
    await estate.change(16, after)
    began = len(await estate.pipeline.incidents())
    await estate.see_that_all_is_at_home()
    assert {watch for watch, _ in await estate.learnt()} == {*pieces.MODULES} - {"models"}
    assert len(await estate.all_end("Waits")) == began


async def test_a_watch_goes_on_with_its_series_under_other_labels(
    database: Database, inbox: Inbox, clock: Clock, alert: Make
) -> None:
    estate = Estate(database, inbox, clock, ruled(16))
    await estate.fill(alert)
    await estate.offline.work_off()
    series = {key: state for key, state in (await estate.learnt()).items() if key[1].startswith("series:")}
    assert len(series) == 2 * len(CLUSTERS)
    await estate.change(4, [])
    learnt = await estate.learnt()
    assert {key: learnt[key] for key in series} == series


async def test_of_alerts_that_are_one_alert_now_the_newest_stays_and_the_others_end(
    database: Database, inbox: Inbox, clock: Clock
) -> None:
    estate = Estate(database, inbox, clock, ruled(16))

    def fired(cluster: str, status: str = "firing") -> AlertEvent:
        labels = {"alertname": "Full", "service": f"disk-{cluster}", "cluster": cluster}
        ends_at = clock.now if status == "resolved" else None
        return AlertEvent("zabbix", "same", AlertStatus(status), labels, clock.now, ends_at=ends_at)

    await estate.start_anew()
    for cluster in CLUSTERS[:3]:
        await estate.pipeline.send(fired(cluster))
        clock.pass_(minutes=6)
    await estate.change(16, [])
    clock.pass_(minutes=1)
    await estate.pipeline.worker.tick()
    assert await statuses(estate) == ["resolved", "resolved", "triggered"]
    await estate.pipeline.send(fired(CLUSTERS[2], "resolved"))
    assert await statuses(estate) == ["resolved", "resolved", "resolved"]


async def statuses(estate: Estate) -> list[str]:
    found: Sequence[Incident] = await estate.pipeline.incidents()
    return [one.status.value for one in found]


def delivery(status: str) -> dict[str, object]:
    now = datetime.now(UTC).isoformat()
    alerts = [
        {
            "status": status,
            "labels": {"alertname": "Down", "service": f"s{n}", "cluster": f"c{n}"},
            "annotations": {},
            "startsAt": now,
            "endsAt": now if status == "resolved" else "0001-01-01T00:00:00Z",
            "fingerprint": fingerprint_of({"n": str(n)}),
        }
        for n in range(4)
    ]
    shared: dict[str, object] = {name: {} for name in ("groupLabels", "commonLabels", "commonAnnotations")}
    return {
        "version": "4",
        "groupKey": "g",
        "status": status,
        "receiver": "r",
        "externalURL": "",
        "alerts": alerts,
    } | shared


@asynccontextmanager
async def running(database_url: str, by: list[str]) -> AsyncIterator[tuple[App, Callable[[str], Awaitable[None]]]]:
    config = Config.model_validate({"correlation": {"partition_by": by}})
    async with (
        App(environment(database_url), config, port=0) as app,
        aiohttp.ClientSession(trust_env=True, headers={"Authorization": f"Bearer {TOKEN}"}) as session,
    ):

        async def are(status: str) -> None:
            wanted = "firing" if status == "triggered" else "resolved"
            async with session.post(f"{app.url}/webhooks/alertmanager", json=delivery(wanted)) as answer:
                assert answer.status == 202, await answer.text()

            async def all_are() -> bool:
                async with session.get(f"{app.url}/api/incidents") as answer:
                    found = (await answer.json())["incidents"]
                return [one["status"] for one in found] == [status] * 4

            await until(all_are, f"four incidents are {status}", 60)

        yield app, are


async def test_a_process_that_starts_with_other_labels_moves_what_is_there_first(database_url: str) -> None:
    async with running(database_url, ["cluster"]) as (app, are):
        await are("triggered")
        with pytest.raises(ConfigError, match="partition_by changes only with a restart"):
            await app.reload(Config.model_validate({"correlation": {"partition_by": []}}))
    async with running(database_url, []) as (_, are):
        await are("resolved")


@on_postgresql
async def test_a_replica_with_other_labels_does_not_begin_beside_others(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(offline, "GONE_AFTER", 0.0)
    async with running(database_url, ["cluster"]):
        with pytest.raises(ConfigError, match=r"it is moved when nothing else runs\. these replicas still run"):
            async with running(database_url, []):
                pass
