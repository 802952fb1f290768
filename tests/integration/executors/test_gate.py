"""The executor ``gate``: a challenger goes on only where it is shown to be better, on the same rows."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import numpy as np
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from bot.domain.run import PlannedStep
from bot.remediation.executors import Outcome, describe, execute, parameters_of
from tests.integration.executors.contexts import context

RANDOM = np.random.default_rng(11)
HARD = RANDOM.exponential(1.0, 500)
IDS = [f"r{number}" for number in range(500)]


class Scorer:
    """What scores models: losses by model, as a test sets them. It answers while it is ``free``."""

    def __init__(self) -> None:
        self.answers: dict[str, Any] = {}
        self.asked: list[str] = []
        self.free = asyncio.Event()
        self.free.set()
        self.losses("champion", HARD)
        self.losses("better", HARD * 0.8 + RANDOM.normal(0, 0.05, 500))
        self.losses("alike", HARD + RANDOM.normal(0, 0.5, 500))
        app = web.Application()
        app.router.add_get("/{model}", self._answer)
        self.server = TestServer(app)

    def losses(self, model: str, losses: Any, ids: list[str] = IDS, data: str = "recent") -> None:
        self.answers[model] = {"ids": ids, "losses": list(losses), "data": data}

    async def _answer(self, request: web.Request) -> web.Response:
        self.asked.append(request.match_info["model"])
        await self.free.wait()
        answer = self.answers.get(request.match_info["model"])
        return web.json_response(answer) if answer is not None else web.Response(status=404, text="no such model")

    def pair(self, challenger: str) -> dict[str, Any]:
        return {
            who: {"http": {"method": "GET", "url": str(self.server.make_url(f"/{model}"))}}
            for who, model in (("champion", "champion"), ("challenger", challenger))
        }


@pytest.fixture
async def scorer() -> AsyncIterator[Scorer]:
    made = Scorer()
    async with made.server:
        yield made


async def gate(scorer: Scorer, *challengers: str, **given: Any) -> Outcome:
    names = ["recent labelled data", "pinned reference"]
    on = {name: scorer.pair(one) for name, one in zip(names, challengers, strict=False)}
    return await execute(PlannedStep("gate", {"on": on} | given), context({}))


async def test_a_challenger_that_is_better_goes_on_and_the_interval_is_told(scorer: Scorer) -> None:
    outcome = await gate(scorer, "better", "better")
    assert outcome.ok
    recent, reference, verdict = outcome.output.splitlines()
    assert recent.startswith("recent labelled data (recent): better by 0.")
    assert "(95 % interval 0." in recent and ", 500 rows); mean loss 0." in recent
    assert reference.startswith("pinned reference (recent): better by 0.")
    assert verdict == "the challenger is better"


async def test_one_that_is_not_shown_to_be_better_does_not(scorer: Scorer) -> None:
    outcome = await gate(scorer, "alike")
    assert not outcome.ok and outcome.output.endswith("the challenger is not shown to be better")


async def test_it_must_be_better_on_every_data_set_and_by_what_is_asked(scorer: Scorer) -> None:
    assert not (await gate(scorer, "better", "alike")).ok
    assert (await gate(scorer, "better", by=0.1)).ok
    assert not (await gate(scorer, "better", by=0.3)).ok


async def test_losses_are_paired_by_their_ids(scorer: Scorer) -> None:
    losses = np.array(scorer.answers["better"]["losses"])
    scorer.losses("shuffled", losses[::-1], IDS[::-1])
    assert (await gate(scorer, "shuffled")).output == (await gate(scorer, "better")).output


async def test_what_cannot_be_compared_is_not_compared(scorer: Scorer) -> None:
    scorer.losses("other data", HARD, data="january")
    scorer.losses("fewer", HARD[:400], IDS[:400])
    scorer.losses("twice", HARD, IDS[:-1] + IDS[:1])
    scorer.losses("uneven", HARD[:-1])
    scorer.answers["worded"] = {"ids": IDS, "losses": ["good"] * 500}
    for challenger, why in {
        "other data": "scored on 'recent', the challenger on 'january'",
        "fewer": "not scored on the same rows",
        "twice": "an id is there twice",
        "uneven": "500 ids and 499 losses",
        "worded": "Expected `float`",
        "nowhere": "challenger: HTTP 404\nno such model",
    }.items():
        outcome = await gate(scorer, challenger)
        assert (
            not outcome.ok and outcome.output.startswith("not compared: recent labelled data") and why in outcome.output
        )
    assert "500 rows are too few, 501 are asked for" in (await gate(scorer, "better", rows=501)).output


async def test_a_secret_that_the_scorer_says_back_is_not_shown(scorer: Scorer) -> None:
    for model in ("champion", "better"):
        scorer.answers[model]["data"] = "by hunter2-hunter2"
    step = PlannedStep("gate", {"on": {"recent": scorer.pair("better")}})
    outcome = await execute(step, context({"TOKEN": "hunter2-hunter2"}))
    assert outcome.ok and outcome.output.startswith("recent (by ***): better by")


def test_the_rule_is_shown_before_anybody_approves() -> None:
    pair = {who: {"http": {"method": "GET", "url": f"https://scorer/{who}"}} for who in ("champion", "challenger")}
    parameters = parameters_of("gate", {"on": {"recent labelled data": pair}, "by": 0.01})
    assert parameters.repeatable
    assert describe("gate", parameters) == (
        "go on only if the challenger's mean loss is less by more than 0.01 (0.95 confidence, paired bootstrap, "
        "200 rows or more)\n  on recent labelled data: champion GET https://scorer/champion\n"
        "    challenger GET https://scorer/challenger"
    )
