"""A real Prometheus and a real Alertmanager, watching an exporter whose metrics a test changes."""

import asyncio
import json
import re
import shutil
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Self

import aiohttp
import pytest
import yaml
from aiohttp import web

from tests.acceptance.harness import TOKEN, Tandem, free_port, until

PROMETHEUS = shutil.which("prometheus")
ALERTMANAGER = shutil.which("prometheus-alertmanager") or shutil.which("alertmanager")
QUEUES = [f"q{number:02}" for number in range(25)]
MAX_ALERTS = 5

needs_alertmanager = pytest.mark.skipif(ALERTMANAGER is None, reason="prometheus-alertmanager is not installed here")
needs_prometheus = pytest.mark.skipif(
    not (PROMETHEUS and ALERTMANAGER), reason="prometheus and its alertmanager are not both installed here"
)
needs_prometheus_alone = pytest.mark.skipif(not PROMETHEUS, reason="prometheus is not installed here")

_RULES = {
    "groups": [
        {
            "name": "shop",
            "rules": [
                {
                    "alert": "QueueBacklog",
                    "expr": "shop_queue_depth > 100",
                    "labels": {"severity": "warning"},
                    "annotations": {"summary": "Queue {{ $labels.queue }} holds {{ $value }} jobs"},
                },
                {
                    "alert": "HighLatency",
                    "expr": "shop_latency_seconds > 0.5",
                    "labels": {"severity": "critical"},
                    "annotations": {"summary": "{{ $labels.service }} answers in {{ $value | humanizeDuration }}"},
                },
            ],
        }
    ]
}

_INHIBITION = {
    "inhibit_rules": [
        {"source_matchers": ["severity=critical"], "target_matchers": ["severity=warning"], "equal": ["service"]}
    ]
}


class Exporter:
    """A shop's metrics over HTTP: ``depths`` by queue of the service ``orders``, ``latencies`` by service."""

    def __init__(self) -> None:
        self.depths = dict.fromkeys(QUEUES, 0)
        self.latencies = {"checkout": 0.1}
        self.port = 0

    async def __aenter__(self) -> Self:
        application = web.Application()
        application.router.add_get("/metrics", self._metrics)
        self._runner = web.AppRunner(application, access_log=None)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        self.port = self._runner.addresses[0][1]
        return self

    async def __aexit__(self, *_exc: object) -> None:
        await self._runner.cleanup()

    async def _metrics(self, request: web.Request) -> web.Response:
        lines = [
            *(f'shop_queue_depth{{service="orders",queue="{queue}"}} {n}' for queue, n in self.depths.items()),
            *(f'shop_latency_seconds{{service="{service}"}} {seconds}' for service, seconds in self.latencies.items()),
        ]
        return web.Response(text="\n".join(lines) + "\n")


class Alertmanager:
    """What it says of itself."""

    def __init__(self, port: int) -> None:
        self._url = self.url = f"http://127.0.0.1:{port}"

    async def active(self) -> set[str]:
        """The names of the alerts that fire."""
        return {alert["labels"]["alertname"] for alert in json.loads(await self._get("/api/v2/alerts?active=true"))}

    async def silences(self) -> list[dict[str, Any]]:
        """All of them, also those that are over."""
        found: list[dict[str, Any]] = json.loads(await self._get("/api/v2/silences"))
        return found

    async def silence(self, ends_at: str, *matchers: Mapping[str, Any], **fields: str) -> str:
        """Make a silence there, or change the one that ``id`` names; returns its id."""
        wanted = {"matchers": list(matchers), "startsAt": "2026-01-01T00:00:00Z", "endsAt": ends_at, **fields}
        async with (
            aiohttp.ClientSession() as session,
            session.post(f"{self.url}/api/v2/silences", json=wanted) as answer,
        ):
            assert answer.status == 200, await answer.text()
            return str((await answer.json())["silenceID"])

    async def expire(self, silence: str) -> None:
        address = f"{self.url}/api/v2/silence/{silence}"
        async with aiohttp.ClientSession() as session, session.delete(address) as answer:
            assert answer.status == 200, await answer.text()

    async def tell(self, fires: bool = True, **labels: str) -> None:
        """Of an alert that fires or has ended, as Prometheus does."""
        ends_at = datetime.now(UTC) + (timedelta(minutes=10) if fires else timedelta(0))
        body = [{"labels": labels, "endsAt": ends_at.isoformat()}]
        address = f"{self.url}/api/v2/alerts"
        async with aiohttp.ClientSession() as session, session.post(address, json=body) as answer:
            assert answer.status == 200, await answer.text()

    async def given_up(self) -> int:
        """How many deliveries failed for good, each after several attempts; the next begins anew."""
        counted = re.findall(r"(?m)^alertmanager_notifications_failed_total{.*} (\d+)$", await self._get("/metrics"))
        return sum(map(int, counted))

    async def _get(self, path: str) -> str:
        async with aiohttp.ClientSession() as session, session.get(self._url + path) as answer:
            return await answer.text()


@asynccontextmanager
async def watching(
    exporter: Exporter, tandem: Tandem, rules: Mapping[str, Any] = _RULES
) -> AsyncIterator[Alertmanager]:
    """Prometheus scrapes the exporter, and Alertmanager tells the bot of what fires by the ``rules``."""
    assert PROMETHEUS and ALERTMANAGER
    folder, ports = tandem.folder, (free_port(), free_port())
    alertmanager = (
        *(ALERTMANAGER, f"--config.file={_write(folder / 'alertmanager.yml', _routes(tandem))}"),
        *(f"--web.listen-address=127.0.0.1:{ports[0]}", "--cluster.listen-address="),
        f"--storage.path={folder / 'alertmanager'}",
    )
    _write(folder / "rules.yml", rules)
    prometheus = (
        *(PROMETHEUS, f"--config.file={_write(folder / 'prometheus.yml', _alerts(exporter.port, ports[0]))}"),
        *(f"--web.listen-address=127.0.0.1:{ports[1]}", f"--storage.tsdb.path={folder / 'prometheus'}"),
    )
    async with (
        _program(ports[0], folder / "alertmanager.log", *alertmanager),
        _program(ports[1], folder / "prometheus.log", *prometheus),
    ):
        yield Alertmanager(ports[0])


@asynccontextmanager
async def alertmanager_alone(folder: Path) -> AsyncIterator[Alertmanager]:
    """One that tells nobody of anything."""
    assert ALERTMANAGER
    port = free_port()
    config = _write(folder / "alertmanager.yml", {"route": {"receiver": "nobody"}, "receivers": [{"name": "nobody"}]})
    command = (
        *(ALERTMANAGER, f"--config.file={config}", f"--web.listen-address=127.0.0.1:{port}"),
        *("--cluster.listen-address=", f"--storage.path={folder / 'alertmanager'}"),
    )
    async with _program(port, folder / "alertmanager.log", *command):
        yield Alertmanager(port)


@asynccontextmanager
async def alertmanager_telling(tandem: Tandem, port: int) -> AsyncIterator[Alertmanager]:
    """One that tells the bot of what it is told; a critical alert inhibits the warnings of its service."""
    assert ALERTMANAGER
    folder = tandem.folder
    config = _write(folder / "alertmanager.yml", _routes(tandem) | _INHIBITION)
    command = (
        *(ALERTMANAGER, f"--config.file={config}", f"--web.listen-address=127.0.0.1:{port}"),
        *("--cluster.listen-address=", f"--storage.path={folder / 'alertmanager'}"),
    )
    async with _program(port, folder / "alertmanager.log", *command):
        yield Alertmanager(port)


@asynccontextmanager
async def writing(exporter: Exporter, tandem: Tandem) -> AsyncIterator[int]:
    """Prometheus scrapes the exporter and writes all of it to the bot, as docs/telemetry.md says; yields its port."""
    assert PROMETHEUS
    folder, port = tandem.folder, free_port()
    remote = {
        "url": f"{tandem.url}/api/v1/write",
        "authorization": {"credentials": TOKEN},
        "queue_config": {"batch_send_deadline": "200ms", "max_backoff": "500ms"},
    }
    config = {**_scrapes(exporter.port), "remote_write": [remote]}
    command = (
        *(PROMETHEUS, f"--config.file={_write(folder / 'prometheus.yml', config)}"),
        *(f"--web.listen-address=127.0.0.1:{port}", f"--storage.tsdb.path={folder / 'prometheus'}"),
    )
    async with _program(port, folder / "prometheus.log", *command):
        yield port


def _routes(tandem: Tandem) -> dict[str, Any]:
    webhook = {
        "url": f"{tandem.url}/webhooks/alertmanager",
        "max_alerts": MAX_ALERTS,
        "http_config": {"authorization": {"credentials": TOKEN}},
    }
    waits = {"group_wait": "500ms", "group_interval": "1s", "repeat_interval": "1h"}
    return {
        "route": {"receiver": "tandem", "group_by": ["alertname"], **waits},
        "receivers": [{"name": "tandem", "webhook_configs": [webhook]}],
    }


def _alerts(exporter: int, alertmanager: int) -> dict[str, Any]:
    return {
        **_scrapes(exporter),
        "rule_files": ["rules.yml"],
        "alerting": {"alertmanagers": [{"static_configs": [{"targets": [f"127.0.0.1:{alertmanager}"]}]}]},
    }


def _scrapes(exporter: int) -> dict[str, Any]:
    return {
        "global": {"scrape_interval": "200ms", "scrape_timeout": "200ms", "evaluation_interval": "200ms"},
        "scrape_configs": [{"job_name": "shop", "static_configs": [{"targets": [f"127.0.0.1:{exporter}"]}]}],
    }


def _write(path: Path, document: Mapping[str, Any]) -> Path:
    path.write_text(yaml.safe_dump(dict(document), sort_keys=False))
    return path


@asynccontextmanager
async def _program(port: int, log: Path, *command: str) -> AsyncIterator[None]:
    """A server that says when it is ready; its output goes to ``log``."""
    with log.open("wb") as output:
        process = await asyncio.create_subprocess_exec(*command, stdout=output, stderr=output)

    async def ready() -> bool:
        assert process.returncode is None, f"{command[0]} ended:\n{log.read_text()[-3000:]}"
        with suppress(aiohttp.ClientError):
            async with aiohttp.ClientSession() as session, session.get(f"http://127.0.0.1:{port}/-/ready") as answer:
                return answer.status == 200
        return False

    try:
        await until(ready, f"{command[0]} is ready", 30)
        yield
    finally:
        with suppress(ProcessLookupError):
            process.kill()
        await process.wait()


@asynccontextmanager
async def dying(exporter: Exporter, folder: Path, alertmanager: Alertmanager) -> AsyncIterator[AsyncExitStack]:
    """Prometheus scrapes the exporter and tells Alertmanager what fires. Who closes what is yielded kills it.

    Its alerts then end by themselves within eight seconds, four times as long as it takes to send them again.
    """
    assert PROMETHEUS
    own = free_port()
    config = _alerts(exporter.port, int(alertmanager.url.rpartition(":")[2]))
    _write(folder / "rules.yml", _RULES)
    command = (
        *(PROMETHEUS, f"--config.file={_write(folder / 'prometheus.yml', config)}"),
        *(f"--web.listen-address=127.0.0.1:{own}", f"--storage.tsdb.path={folder / 'prometheus'}"),
        "--rules.alert.resend-delay=2s",
    )
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(_program(own, folder / "prometheus.log", *command))
        yield stack
