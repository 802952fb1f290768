"""alibi-detect as an engine: in a worker process that may be missing, or die in the middle.

The tests with the real package run in the Python that TANDEM_ALIBI_PYTHON names. The others need none.
"""

import asyncio
import os
import signal
import sys
import textwrap
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bot.inbox.inbox import Inbox
from bot.storage.database import Database
from bot.watches.models.alibi.process import Alibi, EngineUnavailable
from detectors.drift.ordered import kolmogorov_smirnov
from detectors.drift.profile import build
from tests.conftest import Clock
from tests.integration.watches.models_driver import Models, rules_for

REAL = os.environ.get("TANDEM_ALIBI_PYTHON")
needs_alibi = pytest.mark.skipif(not REAL, reason="TANDEM_ALIBI_PYTHON names no Python with alibi-detect")
STAND_IN = """
import json, os, struct, sys
answers, requests = sys.stdout.buffer, sys.stdin.buffer
def say(said):
    packed = json.dumps(said).encode()
    answers.write(struct.pack(">I", len(packed)) + packed)
    answers.flush()
say({"ready": "stand-in"})
while head := requests.read(4):
    asked = requests.read(struct.unpack(">I", head)[0])
    BEHAVIOUR
"""
"""A program that speaks the worker's protocol and fails as real processes do."""


@pytest.fixture
async def real() -> AsyncIterator[Alibi]:
    alibi = Alibi()
    yield alibi
    await alibi.close()


def stand_in(folder: Path, behaviour: str) -> Alibi:
    """An engine whose Python runs another program than it is told to."""
    program = folder / "worker.py"
    program.write_text(STAND_IN.replace("BEHAVIOUR", textwrap.indent(behaviour, "    ").strip()))
    python = folder / "python"
    python.write_text(f'#!/bin/sh\nexec "{sys.executable}" "{program}"\n')
    python.chmod(0o755)
    return Alibi(str(python))


def arrays(rows: int = 200, shift: float = 0.0) -> dict[str, Any]:
    random = np.random.default_rng(0)
    reference = random.normal(size=(500, 3)).astype(np.float32)
    window = random.normal(size=(rows, 3)).astype(np.float32)
    window[:, 1] += shift
    return {"reference": reference, "window": window}


UNIVARIATE = {"test": "univariate", "alpha": 0.05, "categorical": []}


async def test_a_worker_that_dies_in_the_middle_is_replaced_and_asked_again(tmp_path: Path) -> None:
    first = f"""
if not os.path.exists({str(tmp_path / "died")!r}):
    open({str(tmp_path / "died")!r}, "w").close()
    os._exit(1)
say({{"p": [0.5]}})"""
    alibi = stand_in(tmp_path, first)
    assert await alibi.run(UNIVARIATE, arrays()) == {"p": [0.5]}
    await alibi.close()


async def test_a_worker_that_dies_every_time_is_said_to(tmp_path: Path) -> None:
    alibi = stand_in(tmp_path, "os._exit(1)")
    with pytest.raises(EngineUnavailable, match="twice"):
        await alibi.run(UNIVARIATE, arrays())


async def test_where_alibi_detect_is_not_installed_the_message_says_how_to_get_it() -> None:
    alibi = Alibi(sys.executable)
    with pytest.raises(EngineUnavailable, match=r"pip install 'alibi-detect\[tensorflow\]"):
        await alibi.run(UNIVARIATE, arrays())


async def test_a_python_that_is_not_there_is_an_engine_that_is_not_there() -> None:
    with pytest.raises(EngineUnavailable):
        await Alibi("/nowhere/python").run(UNIVARIATE, arrays())


async def test_a_monitor_whose_engine_is_missing_is_a_finding_and_no_crash(
    database: Database, inbox: Inbox, clock: Clock, tmp_path: Path
) -> None:
    rules = rules_for({"kind": "multivariate", "engine": "alibi", "window": {"rows": 50}})
    models = Models(database, inbox, clock, rules, tmp_path, Alibi(sys.executable))
    await models.prepare()
    random = np.random.default_rng(0)
    await models.reference("v1", {"x": random.normal(size=100)})
    await models.predict({"x": random.normal(size=60)})
    assert await models.incidents() == []  # it may be away for a moment only
    clock.pass_(minutes=1)
    await models.settle()
    [alert] = await models.alerts_of(await models.only_incident())
    assert alert.name == "MonitorFailed" and "pip install" in alert.annotations["summary"]
    await models.watch.close()


async def test_rows_that_came_while_the_engine_was_away_are_checked_when_it_is_back(
    database: Database, inbox: Inbox, clock: Clock, tmp_path: Path
) -> None:
    back = tmp_path / "back"
    alibi = stand_in(tmp_path, f'say({{"p": [0.001]}} if os.path.exists({str(back)!r}) else {{"error": "no memory"}})')
    rules = rules_for({"kind": "drift", "engine": "alibi", "window": {"rows": 50}})
    models = Models(database, inbox, clock, rules, tmp_path, alibi)
    await models.prepare()
    random = np.random.default_rng(0)
    await models.reference("v1", {"x": random.normal(size=100)})
    await models.predict({"x": random.normal(size=60)})
    assert "not checked: alibi-detect failed: no memory" in await models.said("drift")
    for _ in range(3):
        clock.pass_(minutes=2)
        await models.settle()
    [alert] = await models.alerts_of(await models.only_incident())
    assert alert.name == "MonitorFailed" and alert.firing
    back.touch()
    clock.pass_(minutes=10)
    await models.settle()
    assert {(one.name, one.firing) for one in await models.alerts_of(await models.only_incident())} == {
        ("MonitorFailed", False),
        ("FeatureDrift", True),
    }
    await models.watch.close()


@needs_alibi
async def test_our_univariate_p_values_are_those_of_alibi_detect(real: Alibi) -> None:
    given = arrays(shift=0.2)
    answer = await real.run(UNIVARIATE, given)
    columns = {side: {f"x{at}": matrix[:, at] for at in range(3)} for side, matrix in given.items()}
    reference = build(columns["reference"])
    ours = kolmogorov_smirnov(reference, reference.read(columns["window"]))
    assert answer["p"] == pytest.approx([result.p for result in ours.values()], abs=1e-6)


@needs_alibi
async def test_the_real_worker_killed_in_the_middle_is_replaced(real: Alibi) -> None:
    await real.run(UNIVARIATE, arrays())
    job = asyncio.create_task(real.run(UNIVARIATE, arrays(rows=20_000)))
    assert real.pid is not None
    os.kill(real.pid, signal.SIGKILL)
    assert len((await job)["p"]) == 3


@needs_alibi
async def test_a_drift_of_all_columns_together_is_found_by_mmd(
    database: Database, inbox: Inbox, clock: Clock, tmp_path: Path
) -> None:
    rules = rules_for({"kind": "multivariate", "engine": "alibi", "alpha": 0.01, "window": {"rows": 200}})
    models = Models(database, inbox, clock, rules, tmp_path, Alibi())
    await models.prepare()
    random = np.random.default_rng(0)
    await models.reference("v1", {"x": random.normal(size=400), "y": random.normal(size=400)})
    await models.predict({"x": random.normal(size=200), "y": random.normal(size=200)})
    answer = await models.said("multivariate")
    if "None of" in answer or "not checked" in answer:
        pytest.skip(f"this alibi-detect has no backend for MMD: {answer}")
    x = random.normal(size=200)
    await models.predict({"x": x, "y": x + random.normal(size=200) / 5})
    [alert] = await models.alerts_of(await models.only_incident())
    assert alert.name == "MultivariateDrift" and "MMD²" in alert.annotations["summary"]
    await models.watch.close()


@needs_alibi
@pytest.mark.parametrize("method", ["iforest", "mahalanobis"])
async def test_outliers_are_found_by_alibi_detect(
    database: Database, inbox: Inbox, clock: Clock, tmp_path: Path, method: str
) -> None:
    rules = rules_for({"kind": "outliers", "engine": "alibi", "method": method, "window": {"rows": 300}})
    models = Models(database, inbox, clock, rules, tmp_path, Alibi())
    await models.prepare()
    random = np.random.default_rng(0)
    await models.reference("v1", {"x": random.normal(size=1000), "y": random.normal(size=1000)})
    await models.predict({"x": random.normal(size=300), "y": random.normal(size=300)})
    assert await models.incidents() == [] and "rows are unlike the reference v1" in await models.said("outliers")
    await models.predict({"x": np.append(random.normal(size=150), [9.0] * 150), "y": random.normal(size=300)})
    [alert] = await models.alerts_of(await models.only_incident())
    assert alert.name == "OutlierRows"
    await models.watch.close()
