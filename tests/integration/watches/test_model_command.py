"""``/model``: what is known of a model, checks on request, and what it is compared with."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bot.inbox.inbox import Inbox
from bot.model_store import references
from bot.storage.database import Database
from bot.storage.queries import audit
from handlers.slack import SlackEndpoint
from handlers.slack.answers import NotDone
from handlers.slack.registry import MODEL as MODEL_COMMAND
from handlers.slack.slash import answer, help_text
from tests.conftest import Clock
from tests.integration.watches.models_driver import MODEL, Models, rules_for

USER = "U012AB3CD"


@pytest.fixture
async def models(database: Database, inbox: Inbox, clock: Clock, tmp_path: Path) -> AsyncIterator[Models]:
    models = Models(database, inbox, clock, rules_for({"kind": "drift", "window": {"rows": 500}}), tmp_path)
    await models.prepare()
    random = np.random.default_rng(1)
    await models.reference("v1", {"price": random.normal(size=1000)})
    clock.pass_(minutes=1)
    await models.reference("v2", {"price": random.normal(size=1000) + 5})
    yield models
    await models.watch.close()


async def say(models: Models, text: str) -> str:
    endpoint = SlackEndpoint(models.database, {}, models.clock, lambda: None, models=models.watch)
    return str(await answer(endpoint, MODEL_COMMAND, text, USER))


def prices(mean: float, rows: int) -> dict[str, Any]:
    return {"price": np.random.default_rng(2).normal(mean, 1, rows)}


async def test_show_says_version_last_checks_and_draws_what_drifted(models: Models) -> None:
    await models.predict(prices(9, 500))
    said = await say(models, f"show {MODEL}")
    assert "reference `v2`" in said and "price drifted from the reference v2" in said and "█" in said
    assert "🔴 drift" in await say(models, "list")


async def test_check_looks_at_a_window_that_is_not_full(models: Models) -> None:
    with pytest.raises(NotDone, match="Nothing came"):
        await say(models, f"check {MODEL}")
    await models.predict(prices(5, 100))
    assert "has not checked yet" in await say(models, f"show {MODEL}")
    await say(models, f"check {MODEL}")
    await models.settle()
    assert "no drift of 1 columns in 100 rows" in await say(models, f"show {MODEL}")


async def test_a_reference_is_chosen_and_that_is_audited(models: Models) -> None:
    await say(models, f"reference {MODEL} v1")
    async with models.database.read() as connection:
        current = await references.current(connection, MODEL, models.clock())
        entries = await audit.entries(connection)
    assert current is not None and current.version == "v1" and current.pinned
    assert [(entry["actor"], entry["action"]) for entry in entries] == [(USER, "model.reference")]
    await models.predict(prices(5, 500))
    assert "drifted from the reference v1" in await say(models, f"show {MODEL}")
    await say(models, f"reference {MODEL} newest")
    assert "reference `v2`" in await say(models, "list")


@pytest.mark.parametrize(
    "text, hint",
    [
        ("show demand-forcast", f"did you mean '{MODEL}'"),
        ("show", "Say which model"),
        (f"reference {MODEL} v11", "did you mean 'v1'"),
        (f"reference {MODEL}", "Say which version"),
    ],
)
async def test_what_is_mistyped_is_told_with_the_nearest_name(models: Models, text: str, hint: str) -> None:
    with pytest.raises(NotDone, match=hint):
        await say(models, text)


async def test_unknown_words_are_answered_with_the_help(models: Models) -> None:
    assert help_text(MODEL_COMMAND) in await say(models, "delete everything")
    assert await say(models, "") == help_text(MODEL_COMMAND)
