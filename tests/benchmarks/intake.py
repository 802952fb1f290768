"""Durable webhooks a second: Tandem against a bare aiohttp handler and Alertmanager, in the same run.

What was acknowledged is counted against what is on disk after ``kill -9``.
"""

import contextlib
import json
import os
import shutil
import signal
import socket
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from tests.benchmarks.command import parser_for, report, require
from tests.benchmarks.load import Load, put_load

WARM_SECONDS = 1
SECONDS = 4
ROUNDS = 3
TOKEN = "benchmark-token-of-some-length"
HEADERS = {"Content-Type": "application/json"}

_BARE = """
import sys
from aiohttp import web

async def take(request):
    await request.read()
    return web.Response(status=202)

app = web.Application()
app.router.add_post("/", take)
web.run_app(app, host="127.0.0.1", port=int(sys.argv[1]), access_log=None, print=None)
"""


class Server(NamedTuple):
    """A program under load: where it listens and the body it is sent for ``n`` alerts."""

    url: str
    headers: dict[str, str]
    process: "subprocess.Popen[bytes]"


def main() -> None:
    options = parser_for(__doc__ or "").parse_args()
    require(options.data)
    with tempfile.TemporaryDirectory(prefix="tandem-intake-") as name:
        figures, details = _measure(Path(name))
    for line in details:
        print(line)
    if options.out:
        options.out.mkdir(parents=True, exist_ok=True)
        (options.out / "intake.json").write_text(json.dumps({"details": details, **figures}, indent=1))
    report(figures)


def _measure(folder: Path) -> tuple[dict[str, Any], list[str]]:
    """Rounds of each program in turn, so that a machine that slows down slows all; medians of the rounds' ratios."""
    rates: dict[tuple[str, int], list[Load]] = {}
    lost = 0
    for turn in range(ROUNDS):
        for alerts in (1, 20):
            with _bare() as bare:
                rates.setdefault(("bare", alerts), []).append(_load(bare, _delivery(alerts)))
            with alertmanager(folder / f"am-{turn}-{alerts}") as other:
                if other:
                    rates.setdefault(("alertmanager", alerts), []).append(_load(other, _bare_alerts(alerts)))
            database = folder / f"tandem-{turn}-{alerts}.db"
            with _tandem(database) as tandem:
                warm = put_load(tandem.url, tandem.headers, _delivery(alerts), WARM_SECONDS)
                load = put_load(tandem.url, tandem.headers, _delivery(alerts), SECONDS)
                rates.setdefault(("tandem", alerts), []).append(load)
                tandem.process.send_signal(signal.SIGKILL)
                tandem.process.wait()
            lost += max(0, warm.accepted + load.accepted - _stored(database.with_suffix(".inbox.db")))
    figures: dict[str, Any] = {
        f"ratio_{other}_{alerts}": _ratio(rates, other, alerts)
        for other in ("bare", "alertmanager")
        for alerts in (1, 20)
    }
    figures["p99_ms"] = statistics.median(load.p99_ms for load in rates["tandem", 1])
    figures["lost"] = lost
    details = [
        f"{program}, {alerts} alerts a request: "
        + ", ".join(f"{load.rate:.0f} requests/s (p99 {load.p99_ms:.1f} ms, {load.refused} refused)" for load in loads)
        for (program, alerts), loads in sorted(rates.items())
    ]
    return figures, details


def _ratio(rates: dict[tuple[str, int], list[Load]], other: str, alerts: int) -> float | None:
    others = rates.get((other, alerts))
    if not others:
        return None
    return round(statistics.median(t.rate / o.rate for t, o in zip(rates["tandem", alerts], others, strict=True)), 3)


def _load(server: Server, body: bytes) -> Load:
    put_load(server.url, server.headers, body, WARM_SECONDS)
    return put_load(server.url, server.headers, body, SECONDS)


def _delivery(alerts: int) -> bytes:
    """A version 4 webhook as Alertmanager sends it."""
    labels = {"alertname": "HighRequestLatency", "job": "api", "severity": "critical", "cluster": "eu-1"}
    body = {
        "version": "4",
        "groupKey": '{}:{alertname="HighRequestLatency"}',
        "truncatedAlerts": 0,
        "status": "firing",
        "receiver": "tandem",
        "groupLabels": {"alertname": "HighRequestLatency"},
        "commonLabels": labels,
        "commonAnnotations": {},
        "externalURL": "http://alertmanager.example:9093",
        "alerts": [
            {
                "status": "firing",
                "labels": {**labels, "instance": f"10.0.0.{i}:9090"},
                "annotations": {
                    "summary": "Requests take longer than a second",
                    "runbook_url": "https://runbooks.example/latency",
                },
                "startsAt": "2026-01-01T00:00:00.000Z",
                "endsAt": "0001-01-01T00:00:00Z",
                "generatorURL": "http://prometheus.example:9090/graph?g0.expr=latency",
                "fingerprint": f"{i:016x}",
            }
            for i in range(alerts)
        ],
    }
    return json.dumps(body).encode()


def _bare_alerts(alerts: int) -> bytes:
    """The same alerts as a client of Alertmanager's API posts them."""
    posted = json.loads(_delivery(alerts))["alerts"]
    wanted = ("labels", "annotations", "startsAt", "generatorURL")
    return json.dumps([{key: alert[key] for key in wanted} for alert in posted]).encode()


def _stored(database: Path) -> int:
    with contextlib.closing(sqlite3.connect(database)) as connection:
        return int(connection.execute("SELECT count(*) FROM inbox").fetchone()[0])


@contextlib.contextmanager
def _bare() -> Iterator[Server]:
    port = _free_port()
    with _running([sys.executable, "-c", _BARE, str(port)], f"http://127.0.0.1:{port}/", {}) as process:
        yield Server(f"http://127.0.0.1:{port}/", HEADERS, process)


@contextlib.contextmanager
def _tandem(database: Path) -> Iterator[Server]:
    port = _free_port()
    environment = {"TANDEM_DATABASE_URL": f"sqlite:///{database}", "TANDEM_WEBHOOK_TOKEN": TOKEN, "SLACK_BOT_TOKEN": ""}
    command = [sys.executable, "-m", "bot.cli", "run", "--port", str(port)]
    url = f"http://127.0.0.1:{port}"
    with _running(command, f"{url}/healthz", environment) as process:
        yield Server(f"{url}/webhooks/alertmanager", {**HEADERS, "Authorization": f"Bearer {TOKEN}"}, process)


@contextlib.contextmanager
def alertmanager(folder: Path) -> Iterator[Server | None]:
    """Alertmanager, which tells nobody, at its API; None where it is not installed."""
    program = shutil.which("prometheus-alertmanager") or shutil.which("alertmanager")
    if program is None:
        yield None
        return
    folder.mkdir()
    (folder / "config.yml").write_text("route: {receiver: none}\nreceivers: [{name: none}]\n")
    port = _free_port()
    url = f"http://127.0.0.1:{port}"
    command = [
        program,
        f"--config.file={folder}/config.yml",
        f"--storage.path={folder}/data",
        "--cluster.listen-address=",
    ]
    with _running([*command, f"--web.listen-address=127.0.0.1:{port}"], f"{url}/-/ready", {}) as process:
        yield Server(f"{url}/api/v2/alerts", HEADERS, process)


@contextlib.contextmanager
def _running(command: list[str], probe: str, environment: dict[str, str]) -> "Iterator[subprocess.Popen[bytes]]":
    quiet = subprocess.DEVNULL
    process = subprocess.Popen(command, env={**os.environ, **environment}, stdout=quiet, stderr=quiet)
    try:
        _wait_for(probe, process)
        yield process
    finally:
        process.kill()
        process.wait()


def _wait_for(probe: str, process: "subprocess.Popen[bytes]") -> None:
    deadline = time.monotonic() + 30
    while True:
        try:
            urllib.request.urlopen(probe, timeout=1).close()
            return
        except urllib.error.HTTPError:
            return
        except OSError:
            if process.poll() is not None or time.monotonic() > deadline:
                raise
            time.sleep(0.05)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


if __name__ == "__main__":
    main()
