"""People's own pages: what is on them, that their buttons work, and that they are kept true within Slack's limits."""

import json
from collections.abc import AsyncIterator, Callable, Collection, Mapping
from contextlib import asynccontextmanager
from datetime import timedelta
from functools import partial
from typing import Any

import pytest
from slack_sdk.web.async_client import AsyncWebClient
from sqlalchemy import update

from bot.components.people.homes import on_call_lines
from bot.config.model import Config
from bot.domain.access.person import Person
from bot.domain.event import AlertEvent
from bot.domain.run import RunStatus
from bot.inbox.inbox import Inbox
from bot.localslack.state import Json
from bot.notify.channel import ChannelFailure, ChannelRefusal
from bot.notify.home.collecting import PER_PAGE, Known
from bot.notify.home.homes import EVERY, LATELY, Homes
from bot.notify.slack.home.publishing import SlackHomes
from bot.notify.slack.links import Links
from bot.notify.slack.people import People
from bot.storage.database import Database, table_of
from bot.storage.queries.shown import homes as stored
from bot.storage.tables.slack import HomeRow
from tests.acceptance.harness import until
from tests.conftest import Clock
from tests.integration.handlers.slack_workspace import GUEST, MEMBER, STRANGER, TEAM, Office, office
from tests.integration.pipeline_driver import Pipeline

MakeAlert = Callable[..., AlertEvent]
SECOND, GROUP = "U0MEMBER2", "S0SREGRP"
SHOP = {"teams": {"shop": {"services": ["cart", "checkout"], "members": [MEMBER]}}}


class Pages:
    """What keeps the pages of an office, each step by hand; ``begin`` does so anew, as another process."""

    def __init__(self, at: Office, written: Mapping[str, Any]) -> None:
        self.at, self.config, self.seconds = at, Config.model_validate(written), 0.0
        self.client = AsyncWebClient(at.slack.bot_token, base_url=at.slack.api_url, retry_handlers=[])
        self.begin()

    def begin(self) -> None:
        people = People(self.client, self.at.clock, self.at.roster.members)

        async def look(user: str, groups: Collection[str]) -> Person | None:
            return await people.person(user, groups, {TEAM})

        known = Known(self.config.policy.teams, look, partial(on_call_lines, self.at.roster), Links(self.client).of)
        database, pages = self.at.pipeline.database, SlackHomes(self.client)
        self.homes = Homes(database, known, pages, self.at.clock, _at_once, lambda: self.seconds)

    async def opened_by(self, user: str) -> str:
        """What is on a person's page once they have opened it."""
        await self.at.slack.open_home(user)
        await self._asked_for(user)
        await self.homes.look()
        return self.text(user)

    async def clicked(self, user: str, action: str, block: str | None = None) -> str:
        """What is on it after a click there."""
        assert await self.at.slack.click_view(user, "home", action, block=block) == 200
        await self._asked_for(user)
        await self.homes.look()
        return self.text(user)

    async def _asked_for(self, user: str) -> None:
        async def asked() -> bool:
            async with self.at.pipeline.database.read() as connection:
                found = await stored.opened_since(connection, self.at.clock() - LATELY, 100)
            return any(home.person == user and home.is_asked_for for home in found)

        await until(asked, f"{user} waits for the page")

    async def passes(self) -> int:
        """How many pages are shown anew when it is time for all."""
        self.seconds += EVERY
        return await self.homes.look()

    def text(self, user: str) -> str:
        home: Json = self.at.slack.home(user) or {"blocks": []}
        return json.dumps(home["blocks"], ensure_ascii=False)

    def published(self) -> int:
        return sum(call["method"] == "views.publish" for call in self.at.slack.calls)


async def _at_once(seconds: float) -> None:
    return


@asynccontextmanager
async def _office(pipeline: Pipeline, written: Mapping[str, Any]) -> AsyncIterator[Pages]:
    async with office(pipeline, written) as at:
        yield Pages(at, written)


async def test_it_shows_what_i_own_what_my_teams_have_open_and_who_is_on_call(
    pipeline: Pipeline, alert: MakeAlert
) -> None:
    await pipeline.send(alert(service="cart"), alert(service="mail"))
    await pipeline.send(alert(service="checkout"))
    shift = {"rotation": [GUEST], "handover": "mon 09:00", "zone": "Europe/Berlin"}
    async with _office(pipeline, SHOP | {"schedules": {"shop": shift}}) as pages:
        [mine] = [one for one in await pipeline.incidents() if one.services == ["mail"]]
        await pages.at.typed(MEMBER, f"take {mine.number}")
        shown = await pages.opened_by(MEMBER)
        assert "Yours · 1" in shown
        assert "Open in shop · 2" in shown
        assert "mail is slow" in shown and "cart is slow" in shown and "checkout is slow" in shown
        assert f"*shop*: <@{GUEST}>" in shown


async def test_who_is_in_no_team_sees_all_that_is_open_and_who_is_no_member_nothing(
    pipeline: Pipeline, alert: MakeAlert
) -> None:
    await pipeline.send(alert(service="mail"))
    async with _office(pipeline, {}) as pages:
        assert "mail is slow" in await pages.opened_by(MEMBER)
        pages.begin()
        pages.at.slack.fail("users.info", "500", count=2)
        shown = await pages.opened_by(MEMBER)
        assert "mail" not in shown and "please try again" in shown, "a guest is not shown more while Slack is away"
        for outsider in (GUEST, STRANGER):
            shown = await pages.opened_by(outsider)
            assert "for members of the workspace" in shown
            assert "mail" not in shown


async def test_its_buttons_do_what_those_of_messages_do_and_it_shows_that_at_once(
    pipeline: Pipeline, alert: MakeAlert
) -> None:
    await pipeline.send(alert(service="cart"))
    async with _office(pipeline, SHOP) as pages:
        assert "Yours · 0" in await pages.opened_by(MEMBER)
        shown = await pages.clicked(MEMBER, "incident.ack")
        assert "Yours · 1" in shown
        assert (await pipeline.only_incident()).owner == MEMBER
        await pages.at.slack.click_view(MEMBER, "home", "incident.lead")

        async def opened() -> bool:
            return pages.at.slack.view(MEMBER) is not None

        await until(opened, "a form is open")
        assert (pages.at.slack.view(MEMBER) or {})["callback_id"] == "incident.lead"
        assert await pages.at.slack.submit_view(MEMBER, {"note": {"value": "it was the disk"}}) == {}
        assert "oted in incident #1" in json.dumps(pages.at.slack.view(MEMBER)), "the answer is in the window"
        assert "it was the disk" in await pipeline.timeline_of(await pipeline.only_incident())


async def test_what_is_refused_is_said_in_a_window_as_a_page_is_in_no_channel(
    pipeline: Pipeline, alert: MakeAlert
) -> None:
    await pipeline.send(alert(service="cart"))
    written = {"permissions": {"acknowledge": ["U0SOMEBODY"]}}
    async with _office(pipeline, written) as pages:
        await pages.opened_by(MEMBER)
        await pages.clicked(MEMBER, "incident.ack")
        assert "You may not acknowledge" in json.dumps(pages.at.slack.view(MEMBER))
        assert (await pipeline.only_incident()).acknowledged_by is None


async def test_what_waits_for_my_approval_stands_first_and_in_full_and_is_approved_there(
    database: Database, inbox: Inbox, clock: Clock, alert: MakeAlert
) -> None:
    book = {"title": "Restart", "when": {"service": "cart"}, "steps": [{"command": {"argv": ["restart", "cart"]}}]}
    written = {"runbooks": {"restart": book | {"approval": {"approvers": [GROUP], "expires": "9999d"}}}}
    pipeline = await Pipeline(database, inbox, clock, Config.model_validate(written).rules()).prepare()
    await pipeline.send(alert(service="cart"))
    async with _office(pipeline, written) as pages:
        pages.at.slack.usergroups[GROUP] = [MEMBER]
        pages.at.slack.users[SECOND] = "may"
        assert "Waits for your approval" not in await pages.opened_by(SECOND)
        shown = await pages.opened_by(MEMBER)
        assert shown.index("Waits for your approval · 1") < shown.index("Yours")
        assert "restart cart" in shown
        shown = await pages.clicked(MEMBER, "run.approve")
        assert "Waits for your approval" not in shown
        [run] = await pipeline.runs_of(await pipeline.only_incident())
        assert (run.status, run.approvals) == (RunStatus.APPROVED, [MEMBER])


async def test_more_than_fits_is_turned_to_and_the_page_stays_within_slacks_limits(
    pipeline: Pipeline, alert: MakeAlert
) -> None:
    for number in range(PER_PAGE + 1):
        await pipeline.send(alert(service=f"service-{number}"))
    async with _office(pipeline, {}) as pages:
        shown = await pages.opened_by(MEMBER)
        assert "Page 1 of 2" in shown
        first = {f"service-{number}" for number in range(PER_PAGE + 1) if f"service-{number} is slow" in shown}
        assert len(first) == PER_PAGE
        shown = await pages.clicked(MEMBER, "home.page.after")
        assert "Page 2 of 2" in shown
        [last] = {f"service-{number}" for number in range(PER_PAGE + 1)} - first
        assert f"{last} is slow" in shown
        assert "Page 1 of 2" in await pages.clicked(MEMBER, "home.page.before")


async def test_only_what_changed_is_shown_anew_and_only_to_whoever_opened_it_lately(
    pipeline: Pipeline, alert: MakeAlert
) -> None:
    await pipeline.send(alert(service="cart"))
    async with _office(pipeline, {}) as pages:
        await pages.opened_by(MEMBER)
        before = pages.published()
        pages.homes.wake()
        assert await pages.passes() == 0, "nothing changed"
        await pipeline.send(alert(service="mail"))
        pages.homes.wake()
        assert await pages.homes.look() == 0, "not more often than so"
        assert await pages.passes() == 1
        assert "mail is slow" in pages.text(MEMBER)
        assert pages.published() == before + 1
        async with pipeline.database.write() as connection:
            earlier = pages.at.clock() - LATELY - timedelta(minutes=1)
            await connection.execute(update(table_of(HomeRow)).values(opened_at=earlier))
        await pipeline.send(alert(service="search"))
        pages.homes.wake()
        assert await pages.passes() == 0
        assert "search is slow" in await pages.opened_by(MEMBER)


async def test_one_that_was_opened_before_a_crash_is_shown_by_whoever_comes_after(
    pipeline: Pipeline, alert: MakeAlert
) -> None:
    await pipeline.send(alert(service="cart"))
    async with _office(pipeline, {}) as pages:
        pages.at.slack.fail("views.publish", "500", count=1)
        with pytest.raises(ChannelFailure):
            await pages.opened_by(MEMBER)
        pages.begin()
        assert await pages.homes.look() == 1
        assert "cart is slow" in pages.text(MEMBER)
        pages.begin()
        await pages.homes.look()
        assert pages.published() == 2, "and no more after that"


async def test_where_the_tab_is_off_or_slack_has_enough_it_says_so_and_one_person_stops_no_other(
    pipeline: Pipeline, alert: MakeAlert
) -> None:
    await pipeline.send(alert(service="cart"))
    async with _office(pipeline, {}) as pages:
        pages.at.slack.fail("views.publish", "refused", error="not_enabled")
        with pytest.raises(ChannelRefusal, match="Home tab is not switched on"):
            await pages.opened_by(MEMBER)
        pages.at.slack.fail("views.publish", "429", retry_after=7)
        with pytest.raises(ChannelFailure) as limited:
            await pages.homes.look()
        assert limited.value.retry_after == 7
        pages.at.slack.fail("views.publish", "refused", error="user_not_found")
        await pages.opened_by(GUEST)
        assert "cart is slow" in pages.text(MEMBER)
