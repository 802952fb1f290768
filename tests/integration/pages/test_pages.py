"""Pages for people over real HTTP: what they show, to whom, and that nothing from outside becomes more than text."""

import re
from collections.abc import Callable
from typing import Any

import numpy as np
from aiohttp import ClientSession

from bot.app import App
from bot.config import Config, Environment
from bot.domain.event import AlertEvent
from bot.domain.rules import Rules
from bot.inbox.inbox import Inbox
from bot.incidents import lifecycle, ownership
from bot.storage.database import Database
from tests.conftest import Clock
from tests.integration.handlers.slack_workspace import MEMBER
from tests.integration.pages.browsers import Browser, browser
from tests.integration.pages.story import linked
from tests.integration.pipeline_driver import Pipeline
from tests.integration.watches.models_driver import MODEL, Models
from tests.integration.watches.test_models_apart import reference, send

MakeAlert = Callable[..., AlertEvent]


async def test_an_incident_is_a_page_with_all_that_is_known_of_it(
    database: Database, inbox: Inbox, clock: Clock, alert: MakeAlert
) -> None:
    pipeline = await Pipeline(database, inbox, clock, Rules(depends_on={"checkout": ["db"]})).prepare()
    said = {"summary": "p95 of checkout is high", "value": "0.84"}
    slow = linked(alert(service="checkout"), said, "https://grafana.example/d/1")
    await pipeline.send(slow, alert(service="db", alertname="DiskFull", severity="critical"))
    incident = await pipeline.only_incident()
    clock.pass_(minutes=3)
    await lifecycle.acknowledge(pipeline.database, incident.id, MEMBER, clock())
    await ownership.note(pipeline.database, incident.id, "rolled the pod", MEMBER, clock())
    async with browser(pipeline) as opened:
        page = await opened.open("/incidents/1/report", "all-secret")
        assert (await opened.open(f"/incidents/{incident.id}/report", "all-secret")).text == page.text
    assert (page.status, page.headers["Content-Type"]) == (200, "text/html; charset=utf-8")
    for part in (
        "#1 ",
        "acknowledged",
        MEMBER,
        "p95 of checkout is high · value 0.84",
        "rolled the pod",
        "2 of 2 fire",
    ):
        assert part in page.text
    [course] = page.all("svg")
    assert "DiskFull on db" in str(course["aria-label"])
    assert "12:03:00 acknowledged" in str(course["aria-label"])
    assert [bar["class"] for bar in page.all("rect")] == ["warning", "critical"]
    found = await pipeline.only_incident()
    assert found.causes, "the cause is part of the page"
    for text in (found.causes[0].phrase, *found.causes[0].evidence, "No runbook was offered."):
        assert text in page.text
    assert "https://grafana.example/d/1" in [link.get("href") for link in page.all("a")]


async def test_the_overview_shows_open_incidents_services_in_trouble_and_models(
    models: Models, clock: Clock, alert: MakeAlert
) -> None:
    await models.send(alert(service="mail", severity="warning", cluster="eu-1"))
    await models.send(alert(service="checkout", severity="critical", cluster="us-2"))
    async with browser(models) as opened:
        page = await opened.open("/", "all-secret")
        assert page.status == 200
        rows = [str(link["href"]) for link in page.all("a") if str(link["href"]).startswith("/incidents")]
        assert rows[:2] == ["/incidents/2/report", "/incidents/1/report"], "the most severe first"
        for part in ("checkout", "db", "no open incident", MODEL, "unchecked"):
            assert part in page.text
        for row in rows:
            assert (await opened.open(row, "all-secret")).status == 200
        only_models = await opened.open("/", "models-secret")
        assert MODEL in only_models.text
        assert "checkout" not in only_models.text


async def test_a_model_is_a_page_with_its_monitors_and_each_ones_checks_as_a_chart(
    models: Models, clock: Clock
) -> None:
    random = np.random.default_rng(7)
    rows: dict[str, Any] = {"random": random, "rows": 500}
    await reference(models, random)
    await send(models, rows, cluster="eu-1")
    clock.pass_(hours=1)
    await send(models, rows, shift=3, cluster="us-2")
    async with browser(models) as opened:
        page = await opened.open(f"/models/{MODEL}/report", "all-secret")
        domain = await opened.open(f"/models/{MODEL}/report", "eu-secret")
        assert (await opened.open("/models/none/report", "all-secret")).status == 404
    assert page.status == 200
    words = {str(chart["aria-label"]) for chart in page.all("svg") if "last check" in str(chart["aria-label"])}
    assert words == {"The last check: 1 ok. The last one: ok.", "The last check: 1 firing. The last one: firing."}
    drawn = [str(chart["aria-label"]) for chart in page.all("svg") if "reference and now" in str(chart["aria-label"])]
    assert len(drawn) == 2 and all(one.startswith("price, reference and now. ") for one in drawn)
    assert {bar["class"]: bar["height"] for bar in page.all("rect")} == {"ok": "6", "firing": "24"}
    assert "us-2" in page.text
    assert "eu-1" in domain.text
    assert "us-2" not in domain.text


async def test_signing_in_gives_what_the_token_may_see_and_a_cookie_that_is_not_the_token(
    pipeline: Pipeline, alert: MakeAlert
) -> None:
    await pipeline.send(alert(service="checkout", cluster="us-2"), alert(service="checkout", cluster="eu-1"))
    domains = {one.number: one.domain for one in await pipeline.incidents()}
    seen, hidden = sorted(domains, key=lambda number: domains[number])
    async with browser(pipeline) as opened:
        asked = await opened.open(f"/incidents/{seen}/report")
        assert asked.status == 401
        [to] = [field["value"] for field in asked.all("input") if field["name"] == "to"]
        assert to == f"/incidents/{seen}/report"
        assert (await opened.send("/sign-in", {"token": "wrong", "to": to})).status == 401
        assert opened.cookies == {}
        entered = await opened.send("/sign-in", {"token": " eu-secret ", "to": to})
        assert (entered.status, entered.headers["Location"]) == (303, to)
        cookie = entered.headers["Set-Cookie"]
        assert "HttpOnly" in cookie and "SameSite=Strict" in cookie and "Secure" not in cookie
        assert "eu-secret" not in cookie
        assert (await opened.open(to)).status == 200
        assert (await opened.open(f"/incidents/{hidden}/report")).status == 404
        assert f"#{hidden} " not in (await opened.open("/")).text
        assert (await opened.open("/", "wrong")).status == 401, "a token that is shown counts more"
        assert (await opened.send("/sign-out", {})).headers["Location"] == "/"
        assert (await opened.open("/")).status == 401


async def test_a_session_is_over_with_its_time_and_with_its_token(pipeline: Pipeline, clock: Clock) -> None:
    async with browser(pipeline) as opened:
        await opened.send("/sign-in", {"token": "all-secret"})
        [session] = opened.cookies.values()
        assert (await opened.open("/")).status == 200
        opened.environ["TANDEM_SECRET_ALL"] = "another"
        assert (await opened.open("/")).status == 401
        opened.environ["TANDEM_SECRET_ALL"] = "all-secret"
        assert (await opened.open("/")).status == 200
        clock.pass_(hours=13)
        over = await opened.open("/")
        assert (over.status, "session is over" in over.text) == (401, True)
    version, ends, *rest = session.split(".")
    async with browser(pipeline) as opened:
        for forged in (".".join([version, str(int(ends) + 10**6), *rest]), "all-secret", session[:-1], "\x00", "1.9.9"):
            opened.client.session.cookie_jar.clear()
            assert (await opened.open("/", None, Cookie=f"tandem_session={forged}".replace("\0", ""))).status == 401


async def test_signing_in_leads_to_our_own_pages_only_and_not_from_another_site(pipeline: Pipeline) -> None:
    async with browser(pipeline) as opened:
        for elsewhere in ("https://evil.example/", "//evil.example", "/\\evil.example", "/incidents/1/report\r\nX: y"):
            entered = await opened.send("/sign-in", {"token": "all-secret", "to": elsewhere})
            assert (entered.status, entered.headers["Location"]) == (303, "/")
        proxied = await opened.send("/sign-in", {"token": "all-secret"}, X_Forwarded_Proto="https")
        assert "Secure" in proxied.headers["Set-Cookie"]
        opened.client.session.cookie_jar.clear()
        crossed = await opened.send("/sign-in", {"token": "all-secret"}, Sec_Fetch_Site="cross-site")
        assert (crossed.status, opened.cookies) == (403, {})
        assert (await opened.send("/sign-in", {"token": "x" * 10_000})).status == 413
        followed = await opened.open("/incidents/1/report", None, Sec_Fetch_Site="cross-site")
        assert [meta.get("http-equiv") for meta in followed.all("meta")][-1] == "refresh"
        assert followed.status == 200


async def test_scopes_and_the_rate_limit_of_the_token_hold(pipeline: Pipeline, alert: MakeAlert) -> None:
    await pipeline.send(alert(service="checkout"))
    slow = {"name": "slow", "secret": "ALL", "scopes": ["incidents:read"], "per_minute": 1}
    writes = {"name": "writes", "secret": "MODELS", "scopes": ["incidents:write"]}
    async with browser(pipeline, [slow, writes]) as opened:
        assert (await opened.open(f"/models/{MODEL}/report", "all-secret")).status == 403
        limited = await opened.open("/", "all-secret")
        assert limited.status == 429
        assert int(limited.headers["Retry-After"]) > 0
        assert (await opened.open("/", "models-secret")).status == 403


async def test_a_page_may_load_nothing_and_can_be_read_without_seeing_it(
    models: Models, clock: Clock, alert: MakeAlert
) -> None:
    await models.send(alert(service="checkout", cluster="eu-1"))
    async with browser(models) as opened:
        paths = ("/", "/incidents/1/report", f"/models/{MODEL}/report", "/incidents/99/report")
        pages = [await opened.open(path, "all-secret") for path in paths]
        pages.append(await opened.open("/"))
    for page in pages:
        policy = page.headers["Content-Security-Policy"]
        assert re.fullmatch(
            r"default-src 'none'; style-src 'sha256-[\w+/]{43}='; form-action 'self'; base-uri 'none'; "
            r"frame-ancestors 'none'",
            policy,
        )
        assert page.headers["Cache-Control"] == "no-store"
        assert not [tag for tag, attributes in page.elements if "src" in attributes or tag in ("script", "link")]
        assert not [tag for tag, attributes in page.elements if "style" in attributes], "the policy forbids it"
        assert page.all("html") == [{"lang": "en"}]
        assert [len(page.all(tag)) for tag in ("main", "header", "h1", "title")] == [1, 1, 1, 1]
        assert all(cell.get("scope") in ("col", "row") for cell in page.all("th"))
        named = {field["id"] for field in page.all("input") if field.get("type") != "hidden"}
        assert named == {label["for"] for label in page.all("label")}
        headings = {heading.get("id") for heading in page.all("h2")}
        assert {section["aria-labelledby"] for section in page.all("section")} == headings


async def test_the_whole_program_has_the_pages_beside_its_other_endpoints(database_url: str) -> None:
    settings = {"TANDEM_DATABASE_URL": database_url, "TANDEM_WEBHOOK_TOKEN": "hook", "TANDEM_API_TOKEN": "reads"}
    async with App(Environment.model_validate(settings), Config(), port=0) as app, ClientSession() as session:
        async with session.get(f"{app.url}/", headers={"Authorization": "Bearer reads"}) as answer:
            assert (answer.status, "No incident is open." in await answer.text()) == (200, True)
        async with session.get(f"{app.url}/", headers={"Authorization": "Bearer hook"}) as answer:
            assert answer.status == 401
        form = {"token": "reads", "to": "/"}
        async with session.post(f"{app.url}/sign-in", data=form, allow_redirects=False) as answer:
            assert (answer.status, "tandem_session" in answer.cookies) == (303, True)
        async with session.get(f"{app.url}/incidents/report") as answer:
            assert answer.content_type == "application/problem+json"


async def test_nothing_is_shown_where_no_token_is_set_or_the_page_is_only_sent_to(pipeline: Pipeline) -> None:
    async with browser(pipeline) as opened:
        assert (await opened.send("/", {})).status == 405
        await _forgotten(opened)


async def _forgotten(opened: Browser) -> None:
    opened.environ.clear()
    assert (await opened.open("/", "all-secret")).status == 401
