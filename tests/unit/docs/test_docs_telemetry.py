"""What docs/telemetry.md tells people to paste is what its readers take, and its figures are the doors'."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

from bot.domain.watched.telemetry import LogRules, MetricRules
from handlers.telemetry import endpoint as door
from handlers.telemetry import gathering, otlp_logs

TEXT = (Path(__file__).parents[3] / "docs" / "telemetry.md").read_text()
OURS, PROMETHEUS, COLLECTOR = re.findall(r"```yaml\n(.*?)```", TEXT, re.DOTALL)


def test_the_example_of_tandem_yaml_watches_what_it_seems_to() -> None:
    said = yaml.safe_load(OURS)
    metrics, logs = MetricRules.model_validate(said["metrics"]), LogRules.model_validate(said["logs"])
    assert metrics.watched_as({"__name__": "http_request_duration_seconds_sum", "namespace": "prod"}) == "latency"
    assert logs.watched_as({"service": "payments"}) == "shop"


@pytest.mark.skipif(not shutil.which("promtool"), reason="promtool is not installed here")
def test_the_example_of_prometheus_is_a_configuration_of_prometheus(tmp_path: Path) -> None:
    file = tmp_path / "prometheus.yml"
    file.write_text(PROMETHEUS)
    checked = subprocess.run(
        ["promtool", "check", "config", "--syntax-only", file], check=False, text=True, capture_output=True
    )
    assert checked.returncode == 0, checked.stderr


def test_the_exporters_of_the_collector_are_those_of_its_pipelines() -> None:
    said = yaml.safe_load(COLLECTOR)
    [exporter] = said["exporters"]
    assert [pipeline["exporters"] for pipeline in said["service"]["pipelines"].values()] == [[exporter]] * 3


@pytest.mark.parametrize(
    "figure",
    [
        f"{door.MAX_BODY // 2**20} MiB",
        f"{gathering.MOST_AT_ONCE:,} samples",
        f"over {gathering.MOST_KEPT_BYTES // 2**20} MiB",
        f"{gathering.MOST_LABELS} labels",
        f"{gathering.MOST_LABEL_BYTES // 1024} KiB",
        f"{gathering.AHEAD_MS // 60_000} minutes",
        f"{gathering.MOST_REMEMBERED:,} series",
        f"{otlp_logs.MOST_OF_A_LINE:,} characters",
    ],
)
def test_a_figure_is_the_doors_own(figure: str) -> None:
    assert figure in " ".join(TEXT.split())


@pytest.mark.parametrize("reason", gathering.LeftOut)
def test_every_reason_to_leave_something_out_is_explained(reason: gathering.LeftOut) -> None:
    assert f"| `{reason}` |" in TEXT
