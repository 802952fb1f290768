"""Noise in Slack, over the API, for agents and on its page: what people did orders it, and a patch would spare them."""

from collections.abc import Callable
from pathlib import Path

import pytest

from bot.config.load import load_config
from bot.config.patches import Patches
from bot.domain.event import AlertEvent
from bot.incidents import lifecycle
from handlers.slack.answers import NotDone
from handlers.slack.calls import SlackEndpoint
from handlers.slack.slash import answer
from tests.conftest import Clock
from tests.integration.api.programs import api
from tests.integration.pages.browsers import browser
from tests.integration.pipeline_driver import Pipeline

MakeAlert = Callable[..., AlertEvent]
RULES = "groups:\n  - name: mail\n    rules:\n      - alert: Flaky\n        expr: a > 1\n        for: 1m\n"


@pytest.fixture
def patches(tmp_path: Path) -> Patches:
    (tmp_path / "rules.yaml").write_text(RULES)
    (tmp_path / "tandem.yaml").write_text("noise: {rules: [rules.yaml]}\n")
    return load_config(tmp_path / "tandem.yaml")[0].patches


@pytest.fixture
async def noisy(pipeline: Pipeline, alert: MakeAlert, clock: Clock) -> Pipeline:
    """One came five times for two minutes, and nobody acted; one was resolved at once; one was acted upon."""
    for _ in range(5):
        await pipeline.send(alert(alertname="Flaky", service="mail", cluster="eu-1"))
        clock.pass_(minutes=2)
        await pipeline.send(alert("resolved", alertname="Flaky", service="mail", cluster="eu-1", ends_at=clock.now))
        clock.pass_(hours=1)
    for name, cluster, minutes in (("Dismissed", "us-2", 0), ("Useful", "ap-3", 30)):
        await pipeline.send(alert(alertname=name, service="web", cluster=cluster))
        [one] = [one for one in await pipeline.incidents() if one.domain == cluster]
        await lifecycle.acknowledge(pipeline.database, one.id, "U1", clock.now)
        clock.pass_(minutes=minutes, seconds=20)
        await lifecycle.resolve(pipeline.database, one.id, "U1", clock.now)
    clock.pass_(minutes=1)
    return pipeline


async def typed(pipeline: Pipeline, patches: Patches, text: str) -> str:
    endpoint = SlackEndpoint(pipeline.database, {}, pipeline.clock, on_change=lambda: None, patches=patches)
    return str(await answer(endpoint, "/incident", text, "U1"))


async def test_slack_lists_what_people_did_and_shows_the_proposed_setting_as_a_patch(
    noisy: Pipeline, patches: Patches
) -> None:
    listed = await typed(noisy, patches, "noise")
    assert listed.index("Flaky") < listed.index("Dismissed") < listed.index("Useful")
    assert "1 resolved at once" in listed
    assert "It called people 5 times: raise the" in listed
    assert "saved 5 of 5 messages and hidden none that was acted on" in listed
    assert "/incident noise patch Flaky" in listed
    patch = await typed(noisy, patches, "noise patch Flaky")
    assert "-        for: 1m\n+        for: 3m" in patch
    with pytest.raises(NotDone, match="Nothing is proposed for alerts named Useful"):
        await typed(noisy, patches, "noise patch Useful")


async def test_programs_and_agents_read_it_within_their_domains(noisy: Pipeline) -> None:
    async with api(noisy) as asked:
        everything = (await asked.ci.ok("GET", "/api/noise"))["noise"]
        own = (await asked.eu.ok("GET", "/api/noise"))["noise"]
        assert "days" in await asked.ci.problem(400, "GET", "/api/noise?days=0")
    assert [one["name"] for one in everything] == ["Flaky", "Dismissed", "Useful"]
    assert [one["name"] for one in own] == ["Flaky"]
    first, second, third = everything
    assert (first["episodes"], first["woke"], first["led_on"], first["half_lasted"]) == (5, 5, 0, 120.0)
    assert (first["proposal"]["saved"], first["proposal"]["hidden"], first["proposal"]["more"]) == (5, 0, 120.0)
    assert (second["dismissed"], second["led_on"], third["led_on"]) == (1, 0, 1)


async def test_the_page_shows_the_patch(noisy: Pipeline, patches: Patches) -> None:
    async with browser(noisy, patches=patches) as opened:
        page, domain = await opened.open("/noise", "all-secret"), await opened.open("/noise", "models-secret")
        overview = await opened.open("/", "all-secret")
    assert "+        for: 3m" in page.text and "Nothing of it is hidden" in page.text
    assert domain.status == 403
    assert "/noise" in [one["href"] for one in overview.all("a")]
