"""The benchmark of earned autonomy lives by the rule that Tandem goes by, and its figures keep the promise."""

import json
import random

import pytest

from bot.domain.runs.autonomy import Autonomy, Past, standing_of
from tests.benchmarks import autonomy


@pytest.mark.parametrize("seed", range(5))
def test_it_gives_autonomy_exactly_when_the_rule_does(seed: int) -> None:
    rules, past, alone = Autonomy(after=autonomy.AFTER, at_least=0.7), list[Past](), 0
    draw, runs = random.Random(seed), 80
    for number in range(runs):
        may = not standing_of(past).missing(rules)
        alone += may
        past.append(Past(str(number), draw.random() < 0.95, not may, ["pool"], {}))
    result = autonomy.Result()
    autonomy.live(0.95, 0.7, runs, random.Random(seed), result)
    assert (result.alone, result.runs) == (alone, runs)


def test_few_of_those_that_do_not_deserve_it_ever_get_it(capsys: pytest.CaptureFixture[str]) -> None:
    autonomy.main(["--histories", "300", "--runs", "80"])
    figures = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert figures["true rate exactly at_least"]["given"] <= 0.05
    assert figures["true rate below it, uniform"]["given"] <= 0.05
    assert figures["true rate 0.99"]["saved"] >= 0.3
