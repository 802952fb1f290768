"""A real Prometheus is read as a witness."""

import asyncio
import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path

import aiohttp
import pytest

from bot.domain.runs.burn_rate import PlannedBurnRate
from bot.domain.runs.query import PlannedQuery
from bot.integrations.prometheus import PrometheusReader, Server
from tests.acceptance.harness import free_port, until

BURNING = PlannedBurnRate(0.999, 14.4, 3600, 300)
PROMETHEUS = shutil.which("prometheus")
pytestmark = pytest.mark.skipif(PROMETHEUS is None, reason="prometheus is not installed here")


async def test_a_real_prometheus_says_what_an_expression_is_and_what_it_was(tmp_path: Path) -> None:
    (tmp_path / "prometheus.yml").write_text("{}")
    port, now = free_port(), datetime.now(UTC)
    program = await asyncio.create_subprocess_exec(
        str(PROMETHEUS),
        f"--config.file={tmp_path / 'prometheus.yml'}",
        f"--storage.tsdb.path={tmp_path / 'data'}",
        f"--web.listen-address=127.0.0.1:{port}",
        stderr=asyncio.subprocess.DEVNULL,
    )
    url = f"http://127.0.0.1:{port}"

    async def ready() -> bool:
        try:
            async with aiohttp.ClientSession() as session, session.get(f"{url}/-/ready") as answer:
                return answer.status == 200
        except aiohttp.ClientError:
            return False

    try:
        await until(ready, "prometheus is ready")
        reader, opened = PrometheusReader({"main": Server(url), "shut": Server(url, problem="no secret")}), now
        asked = {
            "good": PlannedQuery("main", "vector(0.2)", below=0.5),
            "scalar": PlannedQuery("main", "scalar(vector(7))", above=6),
            "unmet": PlannedQuery("main", "vector(0.7)", below=0.5),
            "as before": PlannedQuery("main", "vector(3)", below_before=1.1),
            "worse": PlannedQuery("main", f"vector(time() > bool {now.timestamp() - 60:.0f})", below_before=2),
            "nothing": PlannedQuery("main", "sum(nobody_has_this)", below=1),
            "no query": PlannedQuery("main", "sum(", below=1),
            "burns": PlannedQuery("main", "max_over_time(vector(0.02)[$window:1m])", burn_rate=BURNING),
            "burns slowly": PlannedQuery("main", "max_over_time(vector(0.01)[$window:1m])", burn_rate=BURNING),
            "shut": PlannedQuery("shut", "vector(1)", below=2),
        }
        looks = {name: await reader.read(query, opened, now + timedelta(seconds=1)) for name, query in asked.items()}
    finally:
        program.terminate()
        await program.wait()
    good = [name for name, look in looks.items() if look.good]
    assert good == ["good", "scalar", "as before", "burns slowly"]
    assert looks["burns"].unmet == [
        "max_over_time(vector(0.02)[$window:1m]) burns 20 times the budget over 5m, 20 over 1h, not less than 14.4"
    ]
    assert looks["unmet"].unmet == ["vector(0.7) is 0.7, not below 0.5"]
    assert "(0 before)" in looks["worse"].unmet[0]
    assert looks["nothing"].unproven == ["sum(nobody_has_this) has no value"]
    assert "parse error" in looks["no query"].unproven[0]
    assert looks["shut"].unproven == ["vector(1) cannot be read: no secret"]
