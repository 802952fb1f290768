"""People sign in to the pages with Slack: by a token that is checked, as themselves, and only members."""

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import aiohttp
import pytest
from aiohttp import CookieJar, web
from aiohttp.test_utils import TestClient, TestServer
from cryptography.hazmat.primitives.asymmetric import rsa
from slack_sdk.web.async_client import AsyncWebClient

from bot.config.model import Config
from bot.domain.event import AlertEvent
from bot.incidents.permissions import Actor
from bot.integrations.openid import Client, OpenId, slack_provider
from bot.localslack import LocalSlack
from bot.localslack.openid import CLIENT_ID, CLIENT_SECRET
from bot.localslack.state import Json
from bot.notify.slack.people import People
from bot.storage.queries import audit
from handlers.api.operation import Backend
from handlers.api.tokens import Tokens
from handlers.pages import Pages
from handlers.pages.endpoint import COOKIE
from handlers.pages.slack_sign_in import COOKIE as ON_THE_WAY
from handlers.pages.slack_sign_in import PATH, SlackSignIn, Workspace
from tests.integration.pages.browsers import Page
from tests.integration.pipeline_driver import Pipeline

MakeAlert = Callable[..., AlertEvent]
MEMBER, GUEST, STRANGER, OTHER = "U0MEMBER1", "U0GUEST11", "U0STRANGE", "U0MEMBER2"
REPORT = "/incidents/1/report"
pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


class ShiftedClock:
    def __init__(self) -> None:
        self.shift = timedelta(0)

    def __call__(self) -> datetime:
        return datetime.now(UTC) + self.shift


BEYOND_ANY_CALENDAR = "9" * 12


@dataclass
class Desk:
    """Tandem's pages, the Slack that they know, and a browser."""

    slack: LocalSlack
    client: TestClient[Any, Any]
    clock: ShiftedClock

    async def open(self, path: str, **headers: str) -> Page:
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        async with self.client.get(path, headers=sent, allow_redirects=False) as answer:
            return Page(answer.status, answer.headers, await answer.read())

    async def send(self, path: str, form: Mapping[str, str]) -> Page:
        async with self.client.post(path, data=form, allow_redirects=False) as answer:
            return Page(answer.status, answer.headers, await answer.read())

    async def to_slack(self, to: str = REPORT) -> str:
        """Where Slack sends the browser back, once it has let it in."""
        begun = await self.open(f"{PATH}?to={to}")
        assert begun.status == 303
        async with self.client.session.get(begun.headers["Location"], allow_redirects=False) as answer:
            assert answer.status == 302, await answer.text()
            return str(urlsplit(answer.headers["Location"])._replace(scheme="", netloc="").geturl())

    async def sign_in(self, user: str, to: str = REPORT) -> Page:
        self.slack.sign_in.user = user
        return await self.open(await self.to_slack(to))

    @property
    def cookies(self) -> dict[str, str]:
        return {cookie.key: cookie.value for cookie in self.client.session.cookie_jar}


@asynccontextmanager
async def desk(pipeline: Pipeline, written: Mapping[str, Any], workspaces: frozenset[str] | None = None) -> Any:
    """``written`` is what tandem.yaml says; ``workspaces`` are whose people may sign in."""
    config, clock = Config.model_validate(written), ShiftedClock()
    users = {MEMBER: "mia", GUEST: "gus", STRANGER: "sam", OTHER: "ola"}
    async with LocalSlack(users=users, clock=lambda: clock().timestamp()) as slack, aiohttp.ClientSession() as session:
        slack.guests.add(GUEST)
        slack.foreign[STRANGER] = "T0FOREIGN"
        people = People(AsyncWebClient(slack.bot_token, base_url=slack.api_url), clock)
        home = frozenset({"T0LOCAL"}) if workspaces is None else workspaces

        async def look_up(user: str, workspaces: frozenset[str]) -> Actor:
            return Actor(await people.person(user, config.policy.groups, workspaces), config.policy)

        redirect = "http://tandem.example/sign-in/slack/back"
        slack.sign_in.redirects = {redirect}
        openid = OpenId(session, slack_provider(slack.api_url), Client(CLIENT_ID, CLIENT_SECRET, redirect), clock)
        sign_in = SlackSignIn(openid, CLIENT_SECRET, lambda: Workspace(home, home), look_up, clock)
        app = web.Application()
        backend = Backend(pipeline.database, pipeline.rules, pipeline.clock, policy=config.policy)
        Pages(backend, Tokens(None), slack=sign_in).add_routes(app)
        async with TestClient(TestServer(app), cookie_jar=CookieJar(unsafe=True)) as client:
            yield Desk(slack, client, clock)


@pytest.fixture
async def found(pipeline: Pipeline, alert: MakeAlert) -> AsyncIterator[Desk]:
    await pipeline.send(alert(service="checkout"))
    async with desk(pipeline, {}) as one:
        yield one


async def _who_did(pipeline: Pipeline) -> list[tuple[Any, Any]]:
    async with pipeline.database.read() as connection:
        return [(one["actor"], one["action"]) for one in await audit.entries(connection)]


async def test_a_member_signs_in_with_slack_sees_the_page_and_acts_as_themselves(
    found: Desk, pipeline: Pipeline
) -> None:
    page = await found.open(REPORT)
    [link] = [one["href"] for one in page.all("a") if str(one["href"]).startswith(PATH)]
    assert page.status == 401 and page.all("input") == [], "no token is set, so none is asked for"
    back = await found.sign_in(MEMBER, str(link).partition("to=")[2])
    assert (back.status, back.headers["Location"]) == (303, REPORT)
    cookie = back.headers.getall("Set-Cookie")
    [ours] = [one for one in cookie if one.startswith(f"{COOKIE}=")]
    assert "HttpOnly" in ours and "SameSite=Strict" in ours and CLIENT_SECRET not in ours
    assert ON_THE_WAY not in found.cookies, "what began it is gone"
    shown = await found.open(REPORT)
    assert "checkout" in shown.text and f"Signed in: {MEMBER}" in shown.text
    path = "/incidents/1/acknowledge"
    assert (await found.send(path, shown.form(path))).status == 303
    assert (await pipeline.only_incident()).acknowledged_by == MEMBER
    assert [actor for actor, _ in await _who_did(pipeline)] == [MEMBER]
    assert (await found.send("/sign-out", {})).status == 303
    assert (await found.open(REPORT)).status == 401


async def test_permissions_are_those_of_that_person_in_slack(pipeline: Pipeline, alert: MakeAlert) -> None:
    await pipeline.send(alert(service="checkout"))
    async with desk(pipeline, {"permissions": {"acknowledge": [OTHER]}}) as found:
        path = "/incidents/1/acknowledge"
        await found.sign_in(MEMBER)
        refused = await found.send(path, (await found.open(REPORT)).form(path))
        assert refused.status == 403 and "You may not acknowledge" in refused.text
        assert (await pipeline.only_incident()).acknowledged_by is None
        await found.sign_in(OTHER)
        assert (await found.send(path, (await found.open(REPORT)).form(path))).status == 303
    assert (await pipeline.only_incident()).acknowledged_by == OTHER


@pytest.mark.parametrize(("user", "why"), [(GUEST, "guests"), (STRANGER, "this workspace is not one")])
async def test_guests_and_people_of_other_workspaces_are_not_let_in(found: Desk, user: str, why: str) -> None:
    back = await found.sign_in(user)
    assert back.status == 401 and why in back.text and "checkout" not in back.text
    assert COOKIE not in found.cookies and (await found.open(REPORT)).status == 401


async def test_where_other_workspaces_count_members_of_this_one_are_not_let_in(
    pipeline: Pipeline, alert: MakeAlert
) -> None:
    await pipeline.send(alert(service="checkout"))
    async with desk(pipeline, {}, frozenset({"T0ANOTHER"})) as found:
        back = await found.sign_in(MEMBER)
        assert back.status == 401 and "this workspace is not one" in back.text


async def test_who_leaves_the_workspace_is_out_at_the_next_page(found: Desk) -> None:
    await found.sign_in(MEMBER)
    assert (await found.open(REPORT)).status == 200
    found.slack.deactivated.add(MEMBER)
    found.clock.shift += timedelta(minutes=5)
    assert (await found.open(REPORT)).status == 401


async def test_a_session_ends_and_no_other_secret_makes_one(found: Desk) -> None:
    await found.sign_in(MEMBER)
    cookie = found.cookies[COOKIE]
    for odd in (cookie[:-1] + ("0" if cookie[-1] != "0" else "1"), cookie.replace(MEMBER, OTHER), "2.9.x", "2" * 5000):
        found.client.session.cookie_jar.clear()
        assert (await found.open(REPORT, Cookie=f"{COOKIE}={odd}")).status == 401
    assert (await found.open(REPORT, Cookie=f"{COOKIE}={cookie}")).status == 200
    found.clock.shift += timedelta(hours=13)
    assert (await found.open(REPORT, Cookie=f"{COOKIE}={cookie}")).status == 401


def _but(**claims: Any) -> Callable[[Json], Json]:
    return lambda own: {key: value for key, value in {**own, **claims}.items() if value is not None}


def _shifted(name: str, seconds: int) -> Callable[[Json], Json]:
    return lambda own: {**own, name: own[name] + seconds}


SPOILT: dict[str, Callable[[Json], Json]] = {
    "of another issuer": _but(iss="https://evil.example"),
    "for another app": _but(aud="9999.9999"),
    "for several apps": _but(aud=[CLIENT_ID, "9999.9999"]),
    "of another attempt": _but(nonce="0" * 64),
    "without a nonce": _but(nonce=None),
    "without an end": _but(exp=None),
    "with an end that is no moment": _but(exp=True),
    "over": _shifted("exp", -1000),
    "of the future": _shifted("iat", 1000),
    "for somebody else than it says": _but(sub=OTHER),
    "for nobody": lambda own: {key: value for key, value in own.items() if not key.endswith("user_id")},
    "of no workspace": lambda own: {key: value for key, value in own.items() if not key.endswith("team_id")},
}


@pytest.mark.parametrize("what", SPOILT)
async def test_a_token_that_is_not_right_lets_nobody_in(found: Desk, what: str) -> None:
    found.slack.sign_in.change = SPOILT[what]
    back = await found.sign_in(MEMBER)
    assert back.status == 401 and "did not work" in back.text and COOKIE not in found.cookies
    found.slack.sign_in.change = lambda own: own
    assert (await found.sign_in(MEMBER)).status == 303


async def test_a_signature_that_is_not_slacks_lets_nobody_in(found: Desk) -> None:
    sign_in = found.slack.sign_in
    own = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    for key, headers in (
        (own, {"kid": "local-key-1"}),
        (own, {"kid": "unknown"}),
        (own, {}),
        (CLIENT_SECRET.ljust(32, "x"), {"kid": "local-key-1", "alg": "HS256"}),
        ("", {"kid": "local-key-1", "alg": "none"}),
    ):
        sign_in.signing_key, sign_in.headers = key, headers
        assert (await found.sign_in(MEMBER)).status == 401 and COOKIE not in found.cookies
    sign_in.signing_key, sign_in.headers = None, {"kid": "local-key-1"}
    assert (await found.sign_in(MEMBER)).status == 303


@pytest.mark.parametrize(
    ("path", "cookie"),
    [
        ("/", f"{COOKIE}=1.{BEYOND_ANY_CALENDAR}.{'a' * 32}.{'b' * 64}"),
        ("/", f"{COOKIE}=2.{BEYOND_ANY_CALENDAR}.{'a' * 32}.{MEMBER}.T1.{'b' * 64}"),
        (f"{PATH}/back?code=x", f"{ON_THE_WAY}={BEYOND_ANY_CALENDAR}.{'a' * 64}.{'b' * 64}./.{'c' * 64}"),
    ],
)
async def test_a_cookie_whose_end_no_calendar_has_is_refused_like_any_other(
    found: Desk, path: str, cookie: str
) -> None:
    assert (await found.open(path, Cookie=cookie)).status == 401


async def test_nobody_is_signed_in_by_a_link_that_another_person_made(found: Desk) -> None:
    found.slack.sign_in.user = OTHER
    made = await found.to_slack()
    found.client.session.cookie_jar.clear()
    assert (await found.open(made)).status == 401, "another browser"
    found.slack.sign_in.user = MEMBER
    own = await found.to_slack()
    assert (await found.open(made)).status == 401, "the state of another attempt"
    assert (await found.open(own)).status == 401, "and what began it is gone"
    assert COOKIE not in found.cookies


async def test_a_code_holds_once_and_ten_minutes_and_slack_may_let_nobody_in(found: Desk) -> None:
    found.slack.sign_in.user = MEMBER
    back = await found.to_slack()
    kept = found.cookies[ON_THE_WAY]
    assert (await found.open(back)).status == 303
    found.client.session.cookie_jar.clear()
    again = await found.open(back, Cookie=f"{ON_THE_WAY}={kept}")
    assert again.status == 401 and "invalid_code" in again.text
    back = await found.to_slack()
    found.clock.shift += timedelta(minutes=11)
    assert (await found.open(back)).status == 401
    found.slack.sign_in.user = None
    refused = await found.open(await found.to_slack())
    assert refused.status == 401 and "Slack let nobody in" in refused.text


async def test_where_it_leads_is_a_page_of_ours_and_what_is_sent_says_what_is_asked_for(found: Desk) -> None:
    for elsewhere in ("//evil.example", "https://evil.example", "/\\evil.example", "/sign-out", "javascript:x"):
        assert (await found.sign_in(MEMBER, elsewhere)).headers["Location"] == "/"
    begun = await found.open(f"{PATH}?to=/")
    asked = parse_qs(urlsplit(begun.headers["Location"]).query)
    assert asked["scope"] == ["openid"] and asked["team"] == ["T0LOCAL"]
    assert len(asked["state"][0]) == len(asked["nonce"][0]) == 64 and asked["state"] != asked["nonce"]
    for odd in (
        f"{PATH}/back",
        f"{PATH}/back?code=x",
        f"{PATH}/back?code=x&state=%ff",
        f"{PATH}/back?state=x&error=no",
    ):
        assert (await found.open(odd)).status == 401
    hostile = "%22%3E%3Cscript%3Ealert(1)%3C/script%3E"
    for path in (f"{PATH}/back?error={hostile}&state={hostile}", f"{PATH}/back?code={hostile}&state={hostile}"):
        page = await found.open(path)
        assert not {tag for tag, _ in page.elements} & {"script", "img"} and "alert(1)" not in page.text


async def test_slack_that_is_away_or_answers_rubbish_lets_nobody_in(found: Desk) -> None:
    back = await found.to_slack()
    sign_in = found.slack.sign_in
    sign_in.change = lambda own: own
    own_signed = sign_in._signed
    for rubbish in ("", "a.b.c", "x" * 20_000, "…"):
        sign_in._signed = lambda begun, text=rubbish: text  # type: ignore[method-assign,misc]
        assert (await found.open(back)).status == 401
        back = await found.to_slack()
    sign_in._signed = own_signed  # type: ignore[method-assign]
    assert (await found.open(back)).status == 303
