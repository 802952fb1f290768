"""alibi-detect's online detectors and SpectralResidual: each window goes on where the one before ended.

What the detectors find is tested with the real package, in the Python that TANDEM_ALIBI_PYTHON names.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest

from bot.inbox.inbox import Inbox
from bot.storage.database import Database
from bot.watches.models.alibi.process import Alibi, EngineUnavailable
from tests.conftest import Clock
from tests.integration.watches.models_driver import Models, rules_for
from tests.integration.watches.test_alibi_engine import needs_alibi, real, stand_in

__all__ = ["real"]
on_sqlite = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
ANSWER = """
import io, numpy, zipfile
said = json.loads(asked[: asked.index(b"\\n")])
arrays = numpy.load(io.BytesIO(asked[asked.index(b"\\n") + 1 :]))
shown = [said["t"], len(arrays["before"]), len(arrays["window"]), arrays["window"].shape[1]]
open(LOG, "a").write(json.dumps(shown) + "\\n")
far = [place for place, row in enumerate(arrays["window"]) if abs(row[-1]) > 4]
say({"flagged": far, "t": said["t"] + len(arrays["window"]), "columns": [arrays["window"].shape[1] - 1] if far else []})
"""
"""A stand-in that flags rows whose last column is far out, and notes what it was given."""


def settings(method: str, **more: Any) -> dict[str, Any]:
    return {"test": "online", "method": method, "expected_run": 200, "windows": [20], "t": 0, **more}


def noted(folder: Path) -> list[list[int]]:
    return [msgspec.json.decode(line) for line in (folder / "log").read_text().splitlines()]


def engine(folder: Path) -> Alibi:
    return stand_in(folder, ANSWER.replace("\\\\n", "\\n").replace("LOG", repr(str(folder / "log"))))


async def models_of(
    given: tuple[Database, Inbox, Clock, Path], alibi: Alibi, monitor: Mapping[str, Any], rows: int = 400
) -> tuple[Models, Any]:
    database, inbox, clock, folder = given
    models = Models(database, inbox, clock, rules_for({"engine": "alibi", **monitor}), folder, alibi)
    await models.prepare()
    random = np.random.default_rng(0)
    shop = np.where(random.random(rows) < 0.3, "a", "b").astype(object)
    await models.reference("v1", {"shop": shop, "x": random.normal(size=rows), "y": random.normal(size=rows)})
    return models, random


CVM: dict[str, Any] = {
    "kind": "drift",
    "online": {"method": "cvm", "expected_run": 200, "windows": [20]},
    "window": {"rows": 100},
}


@on_sqlite
async def test_a_detector_goes_on_where_it_was_also_after_a_restart_and_ends_when_nothing_is_flagged(
    database: Database, inbox: Inbox, clock: Clock, tmp_path: Path
) -> None:
    models, random = await models_of((database, inbox, clock, tmp_path), engine(tmp_path), CVM)

    async def send(shift: float) -> None:
        shop = np.array(["a", "b"] * 50, dtype=object)
        await models.predict({"shop": shop, "x": random.normal(size=100), "y": random.normal(size=100) + shift})

    await send(0)
    assert "CVMDriftOnline flags none of 100 rows" in await models.said("drift")
    await models.watch.close()
    models.restart()
    await send(9)
    [alert] = await models.alerts_of(await models.only_incident())
    assert (alert.name, alert.labels["feature"], alert.firing) == ("FeatureDrift", "y", True)
    assert "flags 100 of 100 rows, the first is row 1" in alert.annotations["summary"]
    assert "once in 200 rows" in alert.annotations["guarantee"]
    await send(0)
    assert not (await models.alerts_of(await models.only_incident()))[0].firing
    # what it had, of which the last 40 rows, and the columns of numbers
    assert noted(tmp_path) == [[0, 0, 100, 2], [100, 40, 100, 2], [200, 40, 100, 2]]
    await models.watch.close()


@on_sqlite
async def test_where_no_column_fits_the_detector_that_is_said(
    database: Database, inbox: Inbox, clock: Clock, tmp_path: Path
) -> None:
    fet = {**CVM, "online": {"method": "fet"}}
    models = Models(database, inbox, clock, rules_for({"engine": "alibi", **fet}), tmp_path, engine(tmp_path))
    await models.prepare()
    random = np.random.default_rng(0)
    await models.reference("v1", {"x": random.normal(size=400)})
    await models.predict({"x": random.normal(size=100)})
    assert "FETDriftOnline is for columns of two values, and there is none" in await models.said("drift")
    await models.watch.close()


@needs_alibi
async def test_rows_in_two_windows_are_flagged_as_in_one(real: Alibi) -> None:
    random = np.random.default_rng(0)
    reference, rows = (random.normal(size=(n, 2)).astype(np.float32) for n in (200, 300))
    rows[150:, 1] += 1.5
    for method in ("cvm", "fet"):
        known, came = (reference, rows) if method == "cvm" else (reference > 1, rows > 1)
        sides = {"reference": known.astype(np.float32), "window": came.astype(np.float32)}
        whole = await real.run(settings(method), {**sides, "before": sides["window"][:0]})
        assert whole["columns"] and np.median(whole["flagged"]) >= 150 and whole["t"] == 300
        first = await real.run(
            settings(method), {**sides, "window": sides["window"][:170], "before": sides["window"][:0]}
        )
        rest = {**sides, "window": sides["window"][170:], "before": sides["window"][130:170]}
        second = await real.run(settings(method, t=170), rest)
        assert [*first["flagged"], *(170 + place for place in second["flagged"])] == whole["flagged"]


@needs_alibi
@on_sqlite
async def test_a_drift_is_found_by_the_real_online_detector(
    database: Database, inbox: Inbox, clock: Clock, tmp_path: Path
) -> None:
    models, random = await models_of((database, inbox, clock, tmp_path), Alibi(), CVM)
    shop = np.array(["a", "b"] * 50, dtype=object)
    await models.predict({"shop": shop, "x": random.normal(size=100), "y": random.normal(3, size=100)})
    [alert] = await models.alerts_of(await models.only_incident())
    assert alert.name == "FeatureDrift" and "y" in alert.labels["feature"]
    await models.watch.close()


@needs_alibi
@pytest.mark.parametrize("method", ["mmd", "lsdd"])
async def test_detectors_of_all_columns_are_there_with_a_deep_learning_library_and_else_refused(
    real: Alibi, method: str
) -> None:
    random = np.random.default_rng(0)
    rows = random.normal(size=(120, 2)).astype(np.float32)
    rows[60:] += 2
    sides = {"reference": random.normal(size=(300, 2)).astype(np.float32), "window": rows, "before": rows[:0]}
    try:
        answer = await real.run(settings(method), sides)
    except EngineUnavailable as refused:
        assert f"{method.upper()}DriftOnline needs TensorFlow or PyTorch" in str(refused)
        return
    assert answer["flagged"] and np.median(answer["flagged"]) >= 60
    first = await real.run(settings(method), {**sides, "window": rows[:70]})
    second = await real.run(settings(method, t=70), {**sides, "window": rows[70:], "before": rows[30:70]})
    assert [*first["flagged"], *(70 + place for place in second["flagged"])] == answer["flagged"]


@needs_alibi
@on_sqlite
async def test_what_leaps_in_a_series_is_found_by_spectral_residual(
    database: Database, inbox: Inbox, clock: Clock, tmp_path: Path
) -> None:
    monitor = {
        "kind": "outliers",
        "method": "spectral_residual",
        "column": "x",
        "at_most": 0.02,
        "window": {"rows": 400},
    }
    rules = rules_for({"engine": "alibi", **monitor})
    models = Models(database, inbox, clock, rules, tmp_path, Alibi())
    await models.prepare()
    random, at = np.random.default_rng(0), np.arange(1200)
    series = np.sin(at / 6) + random.normal(scale=0.1, size=1200)
    await models.reference("v1", {"x": series[:800]})
    await models.predict({"x": series[800:]})
    assert await models.incidents() == [] and "rows are unlike the reference v1" in await models.said("outliers")
    for _ in range(3):
        await models.predict({"x": series[800:] + np.where(np.arange(400) % 20 == 0, 4, 0)})
    [alert] = await models.alerts_of(await models.only_incident())
    assert alert.name == "OutlierRows"
    await models.watch.close()
