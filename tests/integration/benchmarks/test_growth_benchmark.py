"""The benchmark of what grows: its cases run the real pipeline, and its figures are of what they say."""

import json
import math
import subprocess
import sys

import pytest

from bot.domain.event import domain_of, partition_of
from tests.benchmarks import growth_alerts
from tests.benchmarks.growth_alerts import clusters, services
from tests.benchmarks.growth_meter import Meter, Use
from tests.benchmarks.scale import percentile


def test_a_case_runs_in_a_process_of_its_own_and_the_last_line_is_one_object() -> None:
    command = [sys.executable, "-m", "tests.benchmarks.growth", "--part", "hosts", "--most", "1"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
    figures = json.loads(done.stdout.splitlines()[-1])["hosts"]["8"]
    assert figures["ratio"] == 1.0 and figures["cpu_us_an_alert"] > 0 and figures["memory_mb"] > 0


async def test_clusters_share_no_incident_and_every_transaction_is_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(growth_alerts, "ROUNDS", 1)
    figures = await clusters(4, 4, 32)
    assert figures["incidents"] >= 4
    homes = {partition_of(domain_of({"cluster": f"cluster-{n}"}, ["cluster"]), 4) for n in range(4)}
    assert figures["batches"] == len(homes) and figures["statements_a_batch"] > 1


async def test_services_are_read_from_a_file_and_only_those_asked_for_have_alerts(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(growth_alerts, "ROUNDS", 1)
    figures = await services(20, False, 40)
    assert figures["incidents"] >= 1 and figures["load_ms"] > 0


def test_of_several_rounds_that_with_the_least_cpu_counts() -> None:
    meter = Meter(rounds=[Use(cpu=2.0, wall=1.0), Use(cpu=1.0, wall=4.0)])
    figures = meter.least().figures(100)
    assert figures["cpu_us_an_alert"] == pytest.approx(1e4) and figures["alerts_per_s"] == pytest.approx(25)


def test_the_p99_of_two_hundred_is_the_third_slowest() -> None:
    delays = [n / 1000 for n in range(200)]
    assert math.isclose(percentile(delays, 0.99), 0.197)
