"""The slash command and the button that CONTRIBUTING.md writes as examples work, and pass their own tests."""

from collections.abc import Callable

import pytest

from bot.domain.event import AlertEvent
from handlers.slack import SlackEndpoint, registry
from handlers.slack.calls import Click
from handlers.slack.slash import answer, help_text
from tests.contributing import example, passes_its_own_test
from tests.integration.pipeline_driver import Pipeline

MakeAlert = Callable[..., AlertEvent]
NAMES = {"Pipeline": Pipeline, "MakeAlert": MakeAlert, "SlackEndpoint": SlackEndpoint, "answer": answer, "Click": Click}
on_sqlite = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


@pytest.fixture(autouse=True)
def own_registry(monkeypatch: pytest.MonkeyPatch) -> None:
    """The examples are registered for their tests only."""
    registry._load()
    for known in ("_commands", "_actions"):
        monkeypatch.setattr(registry, known, dict(getattr(registry, known)))


@on_sqlite
async def test_the_slash_command_is_one_and_passes_its_own_test(pipeline: Pipeline, alert: MakeAlert) -> None:
    module = example("Add a slash command")
    assert "*`/incident alerts 12`* the alerts that incident 12 holds" in help_text("/incident")
    await passes_its_own_test("Add a slash command", module, pipeline, alert, **NAMES)


@on_sqlite
async def test_the_button_is_one_and_passes_its_own_test(pipeline: Pipeline, alert: MakeAlert) -> None:
    module = example("Add a button")
    assert registry.actions()["incident.hush"] is module["hush"]
    await passes_its_own_test("Add a button", module, pipeline, alert, **NAMES)
