"""Links to reports that people share: a card under them, where those who read there may see it."""

from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any
from urllib.parse import quote

import numpy as np
import pytest
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.domain.event import AlertEvent
from bot.domain.rules import CorrelationRules, Rules
from bot.inbox.inbox import Inbox
from bot.incidents.lifecycle import acknowledge
from bot.localslack.events import SCOPES
from bot.storage.database import Database
from bot.storage.queries.shown import channel_messages
from bot.storage.queries.shown.channel_messages import ChannelMessage
from tests.acceptance.harness import until
from tests.conftest import Clock
from tests.integration.handlers.slack_workspace import CHANNEL, GUEST, MEMBER, STRANGER, Office, office
from tests.integration.handlers.test_mentions import thread_of_incident
from tests.integration.pipeline_driver import Pipeline
from tests.integration.watches.models_driver import MODEL, Models, rules_for

MakeAlert = Callable[..., AlertEvent]
HOST = "https://127.0.0.1"
SHOWS_ANY = channel_messages.shows_any
on_sqlite = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


def _cards(at: Office, ts: str, channel: str = CHANNEL) -> list[dict[str, Any]]:
    return list(next(one for one in at.slack.messages(channel) if one["ts"] == ts).get("attachments", []))


async def _card(at: Office, ts: str, channel: str = CHANNEL) -> str:
    """What the first card under a message says."""

    async def shown() -> bool:
        return bool(_cards(at, ts, channel))

    await until(shown, "a card is shown")
    return "\n".join(block["text"]["text"] for block in _cards(at, ts, channel)[0]["blocks"])


async def _link(pipeline: Pipeline, incident: int = 0) -> str:
    return f"{HOST}/incidents/{(await pipeline.incidents())[incident].id}/report"


async def _shows(at: Office, incident_id: str, channel: str, ts: str) -> None:
    async with at.pipeline.database.write() as connection:
        await channel_messages.save(connection, ChannelMessage(incident_id=incident_id, channel=channel, ts=ts))


@on_sqlite
async def test_a_link_to_an_incident_says_how_it_is_now_escaped_and_once(pipeline: Pipeline, alert: MakeAlert) -> None:
    await pipeline.send(alert(service="<!channel> *cart*"))
    incident = await pipeline.only_incident()
    await acknowledge(pipeline.database, incident.id, MEMBER, pipeline.clock.now)
    async with office(pipeline, {}) as at:
        await thread_of_incident(at)
        ts = await at.slack.post(MEMBER, CHANNEL, f"look at {HOST}/incidents/1/report, it is bad")
        said = await _card(at, ts)
        assert "#1" in said and "warning" in said and "since <!date^" in said and f"<@{MEMBER}>" in said
        assert "<!channel>" not in said and "&lt;!channel&gt; \u200b*cart" in said
        assert await at.slack.send_event_again() == 200
        other = await at.slack.post(
            MEMBER, CHANNEL, f"{await _link(pipeline)} and {HOST}/incidents/none/report {HOST}/incidents/99/report"
        )
        await _card(at, other)
        assert [card["from_url"] for card in _cards(at, other)] == [await _link(pipeline)]
        assert sum(call["method"] == "chat.unfurl" for call in at.slack.calls) == 2


@on_sqlite
async def test_nothing_is_shown_to_those_who_may_not_ask_nor_where_others_read_along(
    pipeline: Pipeline, alert: MakeAlert
) -> None:
    await pipeline.send(alert())
    async with office(pipeline, {}) as at:
        await thread_of_incident(at)
        at.slack.add_channel("elsewhere", "C0ELSEWHERE")
        url = await _link(pipeline)
        silent = [(CHANNEL, await at.slack.post(user, CHANNEL, url)) for user in (GUEST, STRANGER)]
        silent.append(("elsewhere", await at.slack.post(MEMBER, "elsewhere", url)))
        at.slack.channel(CHANNEL).is_ext_shared = True
        silent.append((CHANNEL, await at.slack.post(MEMBER, CHANNEL, url)))
        at.slack.channel(CHANNEL).is_ext_shared = False
        for other in ("https://example.com/incidents/1/report", f"{HOST}/", f"{HOST}/incidents/%00/report"):
            silent.append((CHANNEL, await at.slack.post(MEMBER, CHANNEL, other)))
        await _card(at, await at.slack.post(MEMBER, CHANNEL, url))
        assert [_cards(at, ts, channel) for channel, ts in silent] == [[]] * len(silent)
        assert at.slack.ephemerals(GUEST) == [], "who may not see it is not told"


async def test_a_card_stays_in_channels_that_show_its_domain(
    database: Database, inbox: Inbox, clock: Clock, alert: MakeAlert
) -> None:
    rules = Rules(correlation=CorrelationRules(partition_by=["cluster"]))
    pipeline = await Pipeline(database, inbox, clock, rules).prepare()
    await pipeline.send(alert(cluster="eu"), alert(cluster="us"), alert(cluster="eu", service="mail"))
    of_eu = [one for one in await pipeline.incidents() if one.domain == "eu"]
    [of_us] = [one for one in await pipeline.incidents() if one.domain == "us"]
    async with office(pipeline, {}) as at:
        await _shows(at, of_eu[0].id, "C0INCIDENTS", "1.1")
        kept = await at.slack.post(MEMBER, CHANNEL, f"{HOST}/incidents/{of_us.id}/report")
        shown = await at.slack.post(MEMBER, CHANNEL, f"{HOST}/tandem/incidents/{of_eu[-1].id}/report?x=1")
        assert f"#{of_eu[-1].number}" in await _card(at, shown)
        assert _cards(at, kept) == []


@on_sqlite
async def test_without_the_scopes_no_card_is_shown_and_all_else_works(pipeline: Pipeline, alert: MakeAlert) -> None:
    await pipeline.send(alert())
    for less in (",links:read,links:write", ",links:write"):
        async with office(pipeline, {}, scopes=SCOPES.replace(less, "")) as at:
            await thread_of_incident(at)
            ts = await at.slack.post(MEMBER, CHANNEL, await _link(pipeline))
            assert "#1" in await at.typed(MEMBER, "list")
            assert _cards(at, ts) == []


@pytest.fixture
async def models(database: Database, inbox: Inbox, clock: Clock, tmp_path: Path) -> AsyncIterator[Models]:
    models = Models(database, inbox, clock, rules_for({"kind": "drift", "window": {"rows": 500}}), tmp_path)
    await models.prepare()
    await models.reference("v1", {"price": np.random.default_rng(1).normal(size=1000)})
    yield models
    await models.watch.close()


@on_sqlite
async def test_a_link_to_a_model_says_what_its_monitors_found(models: Models, monkeypatch: pytest.MonkeyPatch) -> None:
    looks: list[bool] = []

    async def shows_any(connection: AsyncConnection, channel: str) -> bool:
        looks.append(await SHOWS_ANY(connection, channel))
        return looks[-1]

    async def looked() -> bool:
        return bool(looks)

    monkeypatch.setattr(channel_messages, "shows_any", shows_any)
    await models.predict({"price": np.random.default_rng(2).normal(9, 1, 500)})
    incident = await models.only_incident()
    async with office(models, {}, models=models.watch) as at:
        url = f"{HOST}/models/{quote(MODEL)}/report"
        early = await at.slack.post(MEMBER, CHANNEL, url)
        await until(looked, "it is seen that the channel shows nothing of ours")
        await thread_of_incident(at)
        said = await _card(at, await at.slack.post(MEMBER, CHANNEL, f"{url} and {HOST}/models/other/report"))
        assert MODEL in said and "1 of its monitors fires" in said and "price drifted from the reference v1" in said
        assert (_cards(at, early), looks) == ([], [False, True])
    assert incident.open
