"""The whole retail case: real processes under supervisord, Prometheus, Alertmanager and MLflow; both chapters of it."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from bot.demo import processes
from bot.demo.features import BAD, DATASET, GOOD, MODEL
from bot.demo.stage import Stage
from tests.acceptance.harness import CHANNEL, ON_CALL, Tandem, running, until
from tests.acceptance.mlflow_server import MlflowServer, mlflow_server
from tests.acceptance.model_tools import python_of
from tests.acceptance.models.retail import (
    ALERTS,
    CHAMPION,
    ROLL_BACK,
    RULES,
    SCALE_OUT,
    StageExporter,
    config,
    exit_code,
    staged,
)
from tests.acceptance.prometheus import Alertmanager, needs_prometheus, watching

PATIENCE = 90

pytestmark = needs_prometheus
needs_mlflow = pytest.mark.skipif(not python_of("mlflow"), reason="TANDEM_MLFLOW_PYTHON names no Python with mlflow")
only_without_mlflow = pytest.mark.skipif(bool(python_of("mlflow")), reason="mlflow is here, and told of with the rest")


class Cast(NamedTuple):
    """Everyone in the story."""

    tandem: Tandem
    folder: Path
    stage: Stage
    alertmanager: Alertmanager
    mlflow: MlflowServer | None


@pytest.fixture(
    params=[
        pytest.param(True, marks=needs_mlflow, id="with mlflow"),
        pytest.param(False, marks=only_without_mlflow, id="without mlflow"),
    ]
)
async def mlflow(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[MlflowServer | None]:
    """A registry whose champion is the second version of the model, promoted in place of the first; or none."""
    if not request.param:
        yield None
        return
    async with mlflow_server(tmp_path) as server:
        await server.register(MODEL, 2)
        for version in ("1", "2"):
            await server.call("registered-models/alias", name=MODEL, alias=CHAMPION, version=version)
        yield server


@pytest.fixture
async def cast(tmp_path: Path, mlflow: MlflowServer | None) -> AsyncIterator[Cast]:
    folder = tmp_path.resolve() / "stage"
    async with (
        running(tmp_path, config(folder, mlflow)) as tandem,
        staged(folder, tandem) as stage,
        StageExporter(stage) as exporter,
        watching(exporter, tandem, RULES) as alertmanager,
    ):
        yield Cast(tandem, folder, stage, alertmanager, mlflow)


async def test_the_retail_case_is_two_incidents_each_with_its_own_cause_and_remedy_and_proof(cast: Cast) -> None:
    first = await _the_noisy_neighbour(cast)
    second = await _the_data_that_changed(cast)
    assert [shown["ts"] for shown in cast.tandem.slack.messages(CHANNEL)] == [first, second]


async def _the_noisy_neighbour(cast: Cast) -> str:
    """Everything that a starved pool breaks is one incident, and more workers are its end; returns its message."""
    tandem, last = cast.tandem, processes.control(cast.folder, "status", processes.extra_workers()[-1])
    assert await exit_code(last) != 0, "supervisord says that the whole pool runs already"
    await cast.stage.start_hog()
    offered = ("Resource contention on forecast-pool", SCALE_OUT, "run.approve", *ALERTS)
    message = await tandem.message(*offered, absent=ROLL_BACK, seconds=PATIENCE)
    await tandem.slack.click(ON_CALL, CHANNEL, message["ts"], "run.approve")
    await tandem.message(SCALE_OUT, "Verified: the alerts have resolved", seconds=PATIENCE)
    assert await exit_code(last) == 0, "supervisord says that the pool was not scaled"
    await cast.stage.stop_hog()  # only now: that it stayed is what was verified
    await until(lambda: _all_is_well(cast), "Alertmanager has no alert, and the incident is over", PATIENCE)
    [incident] = await tandem.incidents()
    assert _told(incident) == (ALERTS, {"alertmanager"}, ("forecast-pool", "resource"))
    return str(message["ts"])


async def _the_data_that_changed(cast: Cast) -> str:
    """A drift after a release ends with that release, and more workers are not offered; returns its message."""
    tandem = cast.tandem
    await cast.stage.start_features("2026-w46")
    await until(lambda: _found_calm(tandem), "the monitor finds the data as it was", PATIENCE)
    await cast.stage.release_bad_features()
    offered = (f"data of {DATASET}", f"{DATASET} {BAD}", "temperature", ROLL_BACK, "run.approve")
    message = await tandem.message(*offered, absent=SCALE_OUT, seconds=PATIENCE)
    await tandem.slack.click(ON_CALL, CHANNEL, message["ts"], "run.approve")
    await tandem.message(ROLL_BACK, "Verified: the alerts have resolved", "resolved after", seconds=PATIENCE)
    assert processes.release_file(cast.folder).read_text().strip() == GOOD
    if cast.mlflow:
        assert await cast.mlflow.named_by(MODEL, CHAMPION) == "1"
    incident = (await tandem.incidents())[0]
    assert _told(incident) == ({"FeatureDrift"}, {"tandem"}, (DATASET, "data"))
    assert {alert["labels"]["feature"] for alert in incident["alerts"]} == {"temperature"}
    return str(message["ts"])


async def _found_calm(tandem: Tandem) -> bool:
    """Whether ``/model show`` tells of a check, and of nothing that fires."""
    await tandem.slack.command(ON_CALL, CHANNEL, "/model", f"show {MODEL}")
    answers = [str(said["text"]) for said in tandem.slack.ephemerals(ON_CALL)]
    assert not any("🔴" in said for said in answers), answers[-1]
    return bool(answers) and "🟢" in answers[-1]


async def _all_is_well(cast: Cast) -> bool:
    ended = all(incident["status"] == "resolved" for incident in await cast.tandem.incidents())
    return ended and not await cast.alertmanager.active()


def _told(incident: dict[str, Any]) -> tuple[set[str], set[str], tuple[str, str]]:
    """The names of its alerts, who sent them, the service and kind of its cause."""
    alerts, cause = incident["alerts"], incident["causes"][0]
    names, sources = ({alert["labels"]["alertname"] for alert in alerts}, {alert["source"] for alert in alerts})
    return names, sources, (cause["service"], cause["kind"])
