"""The verdict on a version of a model beside another, on live traffic: early, and wrong as seldom as it says."""

from collections.abc import AsyncIterator, Callable
from datetime import timedelta
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import quote

import numpy as np
import pytest

from bot.domain.event import AlertEvent, ChangeEvent, ChangeKind
from bot.domain.rules import Rules
from bot.inbox.inbox import Inbox
from bot.storage.database import Database
from bot.watches.models.challenge.verdict import Challenges
from tests.conftest import Clock
from tests.integration.api.programs import Programs, api
from tests.integration.watches.models_driver import MODEL, Models, rules_for

on_sqlite = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


class Canary:
    """A model of which version 7 serves and version 8 is tried."""

    def __init__(self, models: Models, programs: Programs, clock: Clock) -> None:
        self.models, self.programs, self.clock = models, programs, clock
        self.since, self.random = clock.now, np.random.default_rng(5)
        self._count = 0

    async def traffic(
        self, wrong: float, rows: int = 1000, share: float = 0.2, labels: bool = True, version: str = "8"
    ) -> None:
        """A minute's predictions, a ``share`` of them by the canary, of whose answers a part is ``wrong``."""
        self.clock.pass_(minutes=1)
        truth = (self.random.random(rows) < 0.3).astype(int)
        ours = self.random.random(rows) < share
        flipped = self.random.random(rows) < np.where(ours, wrong, 0.1)
        self._count += 1
        ids = [f"{self._count}-{at}" for at in range(rows)]
        versions = np.where(ours, version, "7").astype(object)
        predicted = np.where(flipped, 1 - truth, truth)
        await self.models.predict(
            {"x": self.random.normal(size=rows)}, ids, version=versions, prediction=predicted,
            timestamp=[self.clock.now] * rows,
        )  # fmt: skip
        if labels:
            await self.models.label(ids, truth)

    async def ask(self, **more: str) -> Any:
        query = {"model": MODEL, "version": "8", "since": self.since.isoformat()} | more
        return await self.programs.ci.ok("GET", "/api/verdict?" + "&".join(f"{k}={quote(v)}" for k, v in query.items()))

    async def decided(self, wrong: float, most: int = 60, **more: Any) -> tuple[Any, int]:
        """Traffic until there is a verdict; and how many minutes that took."""
        for minutes in range(1, most):
            await self.traffic(wrong, **more)
            found = await self.ask()
            if found["ok"] is not None:
                return found, minutes
        raise AssertionError(f"no verdict: {found}")


@pytest.fixture
async def canary(database: Database, inbox: Inbox, clock: Clock, tmp_path: Path) -> AsyncIterator[Canary]:
    rules = rules_for({"kind": "performance", "metric": "accuracy", "minimum": 0.5})
    served = rules.models[MODEL].model_copy(update={"served_by": "forecast-api"})
    models = Models(
        database, inbox, clock, Rules(models={MODEL: served}, depends_on={MODEL: ["forecast-api"]}), tmp_path
    )
    await models.prepare()
    made = cache(lambda: Challenges(database, models.frames))
    async with api(models, backed_by={"challenges": made}) as programs:
        yield Canary(models, programs, clock)
    await models.watch.close()


async def test_a_canary_that_is_as_good_is_promoted_once_that_is_sure(canary: Canary) -> None:
    assert (await canary.ask())["ok"] is None
    found, minutes = await canary.decided(wrong=0.1)
    assert (found["ok"], found["confidence"] >= 0.95) == (True, True)
    assert found["reasons"][0].startswith("version 8 is not worse by more than 0.05: accuracy is 0.9")
    assert 10 <= minutes < 25


@on_sqlite
async def test_a_canary_that_is_worse_is_refused_early_and_stays_so(canary: Canary) -> None:
    found, minutes = await canary.decided(wrong=0.35)
    assert found["ok"] is False and found["confidence"] >= 0.95
    assert "version 8 is worse by more than 0.05: accuracy is 0." in found["reasons"][0]
    assert minutes < 6
    again = Challenges(canary.models.database, canary.models.frames)  # after a restart: the same course
    canary.programs.server._backend.__dict__["challenges"] = lambda: again
    assert await canary.ask() == found
    assert (await canary.ask(against="9"))["ok"] is None


@on_sqlite
async def test_a_canary_without_traffic_has_no_verdict_and_says_so(canary: Canary) -> None:
    nobody = await canary.ask()
    assert nobody["reasons"] == [
        f"no other version of {MODEL} predicted anything since 2026-03-01 12:00 UTC: version 8 did not either"
    ]
    await canary.traffic(0.1, share=0.0)
    assert await canary.ask() == {
        "ok": None,
        "confidence": 0.0,
        "reasons": [f"version 8 of {MODEL} predicted nothing since 2026-03-01 12:00 UTC"],
    }
    alone = await canary.ask(version="7")
    assert alone["ok"] is None and "there is nothing to compare it with" in alone["reasons"][0]
    assert (await canary.ask(model="none"))["reasons"] == ["nothing is known of the model none"]


@on_sqlite
async def test_without_labels_what_is_predicted_decides(canary: Canary) -> None:
    await canary.traffic(wrong=0.1, rows=9000, share=0.5, labels=False)
    early = await canary.ask()
    assert early["ok"] is None and early["reasons"][0].endswith("labels may yet come for another 9m")
    assert (await canary.ask(settle="30s"))["ok"] is True
    canary.clock.pass_(minutes=9)
    alike = await canary.ask()
    assert alike["ok"] is True
    assert "no labels of both came so far" in alike["reasons"][-1]
    canary.since = canary.clock.now + timedelta(seconds=1)
    apart, _ = await canary.decided(wrong=0.9, rows=2000, share=0.5, labels=False)
    assert apart["ok"] is False and "labels would tell whether that is worse" in apart["reasons"][0]


@on_sqlite
async def test_a_shadow_is_compared_on_the_same_rows(canary: Canary) -> None:
    for minute in range(4):
        canary.clock.pass_(minutes=5)
        truth = (canary.random.random(100) < 0.3).astype(int)
        hard = canary.random.random(100) < 0.4  # both are wrong there
        ids = [f"{minute}-{at}" for at in range(100)]
        for version in ("7", "8"):
            named = np.array([version] * 100, dtype=object)
            predicted = np.where(hard, 1 - truth, truth)
            at = [canary.clock.now] * 100
            await canary.models.predict({"x": truth * 1.0}, ids, version=named, prediction=predicted, timestamp=at)
        await canary.models.label(ids, truth)
    found = await canary.ask()
    assert found["ok"] is True  # 400 rows apart would be far too few
    assert "of 400 and 400 labelled rows, 400 of them predicted by both" in found["reasons"][0]


@on_sqlite
async def test_a_service_that_is_worse_spoils_a_good_canary(canary: Canary, alert: Callable[..., AlertEvent]) -> None:
    await canary.decided(wrong=0.1)
    await canary.models.send(alert(service="forecast-api", severity="critical"))
    found = await canary.ask()
    assert found["ok"] is False and found["reasons"][0].startswith("forecast-api: HighLatency began since the change")
    assert found["reasons"][1].startswith("version 8 is not worse")


async def test_flagger_asks_of_a_version_since_the_model_was_changed(canary: Canary) -> None:
    hook = {"name": "x", "metadata": {"model": MODEL, "version": "8", "settled": "true"}}
    assert "no change of" in await canary.programs.ci.problem(409, "POST", "/api/verdict", hook)
    now = canary.clock.now
    await canary.models.send(ChangeEvent("mlflow", "1", MODEL, ChangeKind.MODEL, "canary is 8", now, {}))
    assert "predicted anything" in await canary.programs.ci.problem(409, "POST", "/api/verdict", hook)
    await canary.decided(wrong=0.1)
    assert (await canary.programs.ci.ok("POST", "/api/verdict", hook))["ok"] is True


async def test_a_model_with_two_thousand_versions_is_bounded(canary: Canary) -> None:
    canary.clock.pass_(minutes=1)
    versions = np.array([str(at) for at in range(2_000)] * 3 + ["7"] * 2_000 + ["8"] * 2_000, dtype=object)
    rows = len(versions)
    score, at = canary.random.random(rows), [canary.clock.now] * rows
    await canary.models.predict({"x": score}, version=versions, score=score, timestamp=at)
    canary.clock.pass_(minutes=20)
    found = await canary.ask()
    assert found["ok"] is None and "(between 0 and 0.1" in found["reasons"][0]
    course = next(iter(canary.programs.server._backend.challenges()._courses._kept.values()))  # type: ignore[misc]
    assert course.contest.against == "7" and len(course.alike.champion) == 2_003


@on_sqlite
@pytest.mark.parametrize(
    "query",
    [
        "model=fraud",
        "version=8",
        "service=fraud&version=8",
        "service=fraud&model=fraud&version=8",
        "model=fraud&version=8&against=8",
        "model=fraud&version=8&worse_by=2",
        "model=fraud&version=%20",
    ],
)
async def test_a_question_that_makes_no_sense_is_refused(canary: Canary, query: str) -> None:
    since = quote(canary.since.isoformat())
    await canary.programs.ci.problem(400, "GET", f"/api/verdict?since={since}&{query}")


async def test_a_caller_sees_the_rows_of_its_domains_alone(canary: Canary) -> None:
    await canary.decided(wrong=0.35)
    query = f"model={MODEL}&version=8&against=7&since={quote(canary.since.isoformat())}"
    found = await canary.programs.eu.ok("GET", f"/api/verdict?{query}")
    assert found["ok"] is None and "predicted nothing" in found["reasons"][0]
