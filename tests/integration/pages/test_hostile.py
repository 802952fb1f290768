"""Whatever comes from outside, a page shows it as text and stays small."""

from collections.abc import Callable
from pathlib import Path
from urllib.parse import quote

import msgspec
import numpy as np

from bot.domain.cause import Cause, CauseKind
from bot.domain.event import AlertEvent
from bot.domain.oncall.schedule import Schedule
from bot.incidents import ownership
from bot.incidents.guarding import guards_of
from bot.remediation.approval import Terms, decide
from bot.routing.schedules.roster import Roster
from bot.storage.queries import incidents
from tests.conftest import Clock
from tests.integration.handlers.slack_workspace import MEMBER
from tests.integration.pages.browsers import browser
from tests.integration.pages.story import linked
from tests.integration.remediation.runs_driver import book
from tests.integration.watches.models_driver import MODEL, Models
from tests.integration.watches.test_models_apart import reference, send

MakeAlert = Callable[..., AlertEvent]
HOSTILE = "\"'><script>alert(1)</script><img src=x onerror=alert(2)>{{ 7 * 7 }}\u202e"
_ACTIVE = {"script", "img", "iframe", "object", "embed", "link", "base"}


async def _hostile(pipeline: Models, alert: MakeAlert, clock: Clock, count: int = 1, text: str = HOSTILE) -> None:
    """Incidents in which every text that comes from outside is an attack."""
    for n in range(count):
        named = {"alertname": f"{text}{n}", "service": text[:150], "pod": text, f"l{n}": text}
        said = {"summary": text, "value": text, "description": text}
        await pipeline.send(linked(alert(**named), said, "javascript:alert(1)"))
    for incident in await pipeline.incidents():
        await ownership.note(pipeline.database, incident.id, text, f"<script>{MEMBER}", clock())
        causes = [Cause(text, CauseKind.CHANGE, 0.9, [text] * 20)] * 9
        async with pipeline.database.write() as connection:
            found = await incidents.by_id(connection, incident.id)
            assert found is not None
            changed = msgspec.structs.replace(found, title=text, summary=text, owner=text, causes=causes)
            await incidents.save(connection, [changed], {})


async def _hostile_everywhere(models: Models, clock: Clock, alert: MakeAlert, folder: Path) -> tuple[Models, Roster]:
    """Also in services that depend on each other, an approved run, the domain of a model and whoever is on call."""
    random = np.random.default_rng(7)
    rules = msgspec.structs.replace(
        models.rules,
        runbooks={"restart": book(when={"severity": "warning"}, title=HOSTILE)},
        depends_on={f"{n}{HOSTILE}"[:150]: [f"{n + 1}{HOSTILE}"[:150]] for n in range(3)},
    )
    here = Models(models.database, models.inbox, clock, rules, folder)
    await here.prepare()
    await _hostile(here, alert, clock)
    [run] = await here.runs_of(await here.only_incident())
    terms = Terms(rules.runbooks, guards_of(rules))
    await decide(here.database, terms, run.id, run.plan_hash, "U1", "approve", clock())
    await here.send(alert(alertname=HOSTILE, service=HOSTILE, cluster="us-2"))
    await reference(here, random)
    await send(here, {"random": random, "rows": 500}, shift=3, cluster=HOSTILE)
    await here.watch.close()
    on_call = {"shop": Schedule.model_validate({"rotation": [HOSTILE]})}
    return here, Roster(here.database, on_call, {}, clock)


async def test_every_text_from_outside_stays_text(
    models: Models, clock: Clock, alert: MakeAlert, tmp_path: Path
) -> None:
    here, roster = await _hostile_everywhere(models, clock, alert, tmp_path)
    async with browser(here, roster=roster) as opened:
        paths = ("/", "/incidents/1/report", f"/models/{MODEL}/report")
        pages = [await opened.open(path, "all-secret") for path in paths]
        pages.append(await opened.open(f"/incidents/{HOSTILE[:20]}/report", "all-secret"))
        pages.append(await opened.send("/sign-in", {"token": HOSTILE, "to": HOSTILE}))
        await opened.sign_in("desk-secret")
        pages.append(await opened.open("/incidents/1/report"))
        form = pages[-1].form("/incidents/1/notes")
        pages.append(await opened.send(f"/incidents/{quote(HOSTILE)}/notes", form | {"text": HOSTILE}))
    for page in pages:
        assert not {tag for tag, _ in page.elements} & _ACTIVE
        assert not [name for _, attributes in page.elements for name in attributes if name.startswith("on")]
        assert "javascript:" not in " ".join(str(link["href"]) for link in page.all("a"))
        assert "\u202e" not in page.text
    overview, report, model, *others = pages
    assert [page.text.count("<script>alert(1)</script>") > 2 for page in (overview, report)] == [True, True]
    assert "<script>alert(1)</script>" in model.text, "as the domain of its monitors"
    assert [page.status for page in others] == [404, 401, 200, 404]
    assert "<script>" in str(overview.all("svg")[0]["aria-label"])
    for heading, following in (("On call", "Services"), ("Approved in", "Noise of"), ("Noise of", "Models")):
        assert "<script>alert(1)</script>" in overview.text.partition(heading)[2].partition(following)[0], heading
    assert "{{ 7 * 7 }}" in pages[1].text


async def test_a_page_is_small_whatever_is_in_it_and_says_where_there_is_more(
    models: Models, clock: Clock, alert: MakeAlert
) -> None:
    await _hostile(models, alert, clock, count=40, text='"' * 900)
    async with browser(models) as opened:
        pages = [await opened.open(path, "all-secret") for path in ("/", "/incidents/1/report")]
    assert [page.status for page in pages] == [200, 200]
    assert all(page.size <= 100_000 for page in pages), [page.size for page in pages]
    assert "there are more" in pages[1].text
