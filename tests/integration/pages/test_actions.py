"""What is done on the page of an incident: in the name of the token, by its scopes, and only by a form of the page."""

from collections.abc import Callable
from typing import Any

import pytest

from bot.domain.event import AlertEvent
from bot.domain.incident import IncidentStatus
from bot.storage.queries import audit
from tests.integration.pages.browsers import Browser, Page, browser
from tests.integration.pipeline_driver import Pipeline

MakeAlert = Callable[..., AlertEvent]
REPORT = "/incidents/1/report"
ACTIONS = {"acknowledge": {}, "resolve": {"although_firing": "yes"}, "notes": {"text": "x"}}


async def _do(opened: Browser, name: str, page: Page | None = None, **fields: str) -> Page:
    """Send a form of the page, as a browser does."""
    path = f"/incidents/1/{name}"
    page = page or await opened.open(REPORT)
    return await opened.send(path, page.form(path) | fields)


async def _done(pipeline: Pipeline) -> list[tuple[Any, Any]]:
    async with pipeline.database.read() as connection:
        return [(one["actor"], one["action"]) for one in await audit.entries(connection)]


async def test_an_incident_is_acknowledged_noted_and_resolved_on_its_page_in_the_name_of_the_token(
    pipeline: Pipeline, alert: MakeAlert
) -> None:
    await pipeline.send(alert(service="checkout"))
    async with browser(pipeline) as opened:
        await opened.sign_in("desk-secret")
        acknowledged = await _do(opened, "acknowledge")
        assert (acknowledged.status, acknowledged.headers["Location"]) == (303, REPORT)
        noted = await _do(opened, "notes", text="rolled the pod\r\n<b>twice</b>")
        assert noted.status == 303
        page = await opened.open(REPORT)
        assert "rolled the pod" in page.text and "<b>twice</b>" in page.text
        assert page.form("/incidents/1/acknowledge") == {}, "it is acknowledged"
        refused = await _do(opened, "resolve")
        assert (refused.status, REPORT in [link["href"] for link in refused.all("a")]) == (409, True)
        assert (await pipeline.only_incident()).status is IncidentStatus.ACKNOWLEDGED, "its alert fires"
        assert (await _do(opened, "resolve", although_firing="yes")).status == 303
        assert (await opened.open(REPORT)).form("/incidents/1/resolve") == {}
    found = await pipeline.only_incident()
    assert (found.status, found.acknowledged_by, found.resolved_by) == (IncidentStatus.RESOLVED, "desk", "desk")
    assert {actor for actor, _ in await _done(pipeline)} == {"desk"}
    assert len(await _done(pipeline)) == 3


async def test_the_same_form_sent_twice_writes_one_note_and_another_text_another(
    pipeline: Pipeline, alert: MakeAlert
) -> None:
    await pipeline.send(alert(service="checkout"))
    async with browser(pipeline) as opened:
        await opened.sign_in("desk-secret")
        page = await opened.open(REPORT)
        for text in ("rolled the pod", "rolled the pod", "and the database"):
            assert (await _do(opened, "notes", page, text=text)).status == 303
        empty = await _do(opened, "notes", page, text="  \n ")
        long = await _do(opened, "notes", page, text="ü" * 2001)
        assert (empty.status, long.status) == (400, 400)
        assert (await _do(opened, "notes", page, text="🙂" * 2000)).status == 303
        assert (await _do(opened, "notes", page, text="x" * 40_000)).status == 413
    timeline = await pipeline.timeline_of(await pipeline.only_incident())
    assert [sum(text in line for line in timeline) for text in ("rolled the pod", "and the database")] == [1, 1]


@pytest.mark.parametrize("name", ACTIONS)
async def test_nothing_is_done_by_a_form_that_is_not_one_of_the_session(
    pipeline: Pipeline, alert: MakeAlert, name: str
) -> None:
    await pipeline.send(alert(service="checkout"))
    path = f"/incidents/1/{name}"
    async with browser(pipeline) as opened:
        await opened.sign_in("desk-secret")
        others = (await opened.open(REPORT)).form(path)
        await opened.sign_in("desk-secret")
        fields = (await opened.open(REPORT)).form(path) | ACTIONS[name]
        assert others["key"] != fields["key"], "each session has a key of its own"
        for key in ("", "0" * 64, others["key"], "ä", opened.cookies["tandem_session"]):
            assert (await opened.send(path, fields | {"key": key})).status == 403
        for site in ("cross-site", "same-site"):
            assert (await opened.send(path, fields, Sec_Fetch_Site=site)).status == 403
        opened.client.session.cookie_jar.clear()
        assert (await opened.send(path, fields)).status == 401
        shown = await opened.send(path, fields, Authorization="Bearer desk-secret")
        assert shown.status == 401, "a browser can be made to send what it keeps, and this is for browsers"
        assert (await opened.open(path, "desk-secret")).status == 405
    assert (await pipeline.only_incident()).status is IncidentStatus.TRIGGERED
    assert await _done(pipeline) == []


async def test_only_a_token_that_may_write_is_offered_and_allowed_to_and_only_in_its_domains(
    pipeline: Pipeline, alert: MakeAlert
) -> None:
    await pipeline.send(alert(service="checkout", cluster="us-2"))
    async with browser(pipeline) as opened:
        assert (await opened.open(REPORT, "desk-secret")).all("textarea") == [], "the key is of a session"
        await opened.sign_in("desk-secret")
        offered = await opened.open(REPORT)
        assert len(offered.all("form")) == 1 + len(ACTIONS)
        await opened.sign_in("all-secret")
        reads = await opened.open(REPORT)
        assert (len(reads.all("form")), reads.status) == (1, 200)
        for name, fields in ACTIONS.items():
            form = offered.form(f"/incidents/1/{name}") | fields
            assert (await opened.send(f"/incidents/1/{name}", form)).status == 403
    assert await _done(pipeline) == []


async def test_a_token_of_one_domain_changes_nothing_of_another(pipeline: Pipeline, alert: MakeAlert) -> None:
    await pipeline.send(alert(service="checkout", cluster="us-2"))
    await pipeline.send(alert(service="checkout", cluster="eu-1"))
    async with browser(pipeline) as opened:
        await opened.sign_in("eu-desk-secret")
        key = (await opened.open("/incidents/2/report")).form("/incidents/2/notes")
        for name, fields in ACTIONS.items():
            assert (await opened.send(f"/incidents/1/{name}", key | fields)).status == 404
            assert (await opened.send(f"/incidents/%3Cb%3E/{name}", key | fields)).status == 404
        assert await _done(pipeline) == []
        assert (await opened.send("/incidents/2/notes", key | {"text": "ours"})).status == 303
    assert [actor for actor, _ in await _done(pipeline)] == ["eu-desk"]


async def test_actions_count_for_the_rate_limit_of_the_token(pipeline: Pipeline, alert: MakeAlert) -> None:
    await pipeline.send(alert(service="checkout"))
    slow = {"name": "desk", "secret": "DESK", "scopes": ["incidents:read", "incidents:write"], "per_minute": 1}
    async with browser(pipeline, [slow]) as opened:
        await opened.sign_in("desk-secret")
        page = await opened.open(REPORT)
        limited = await _do(opened, "acknowledge", page)
    assert (limited.status, int(limited.headers["Retry-After"]) > 0) == (429, True)
    assert await _done(pipeline) == []
