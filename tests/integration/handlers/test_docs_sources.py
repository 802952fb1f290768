"""What docs/sources.md tells people to paste sends what the doors take: seen with the tools that run it."""

import asyncio
import json
import re
import shutil
import subprocess
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml
from aiohttp import web
from aiohttp.test_utils import TestServer

from bot.domain.event import AlertEvent
from handlers.sources.registry import all_sources

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
TEXT = (Path(__file__).parents[3] / "docs" / "sources.md").read_text()

SERVICE_MACROS = {
    "NOTIFICATIONTYPE": "PROBLEM",
    "HOSTNAME": "web-1",
    "SERVICEDESC": "Disk C:",
    "SERVICESTATE": "WARNING",
    "SERVICEOUTPUT": r"WARNING - C:\temp at 91% + growing; see @docs",
    "LASTSERVICESTATECHANGE": "1772365863",
    "HOSTSTATE": "DOWN",
    "HOSTOUTPUT": "PING CRITICAL - 100% lost",
    "LASTHOSTSTATECHANGE": "1772365863",
}

ZABBIX_MACROS = {
    "EVENT.ID": "150233",
    "EVENT.NAME": 'Disk "C:\\" is full',
    "EVENT.VALUE": "1",
    "EVENT.NSEVERITY": "4",
    "HOST.HOST": "db-1",
    "EVENT.TAGSJSON": '[{"tag":"service","value":"ledger"}]',
    "EVENT.DATE": "2026.03.01",
    "EVENT.TIME": "06:51:03",
    "TRIGGER.ID": "22391",
}

ZABBIX_RUNTIME = """
const said = JSON.parse(require('fs').readFileSync(0, 'utf8'));
function HttpRequest() {
    const headers = [];
    this.addHeader = header => headers.push(header);
    this.post = (url, body) => { console.log(JSON.stringify({url, headers, body: JSON.parse(body)})); return ''; };
    this.getStatus = () => 202;
}
new Function('value', 'HttpRequest', said.script)(JSON.stringify(said.parameters), HttpRequest);
"""
"""As much of Zabbix' JavaScript objects as a media type needs, which are no part of node."""


def section(title: str) -> str:
    return TEXT.partition(f"\n## {title}\n")[2].partition("\n## ")[0]


def block(title: str, language: str = "") -> str:
    found = re.search(rf"```{language}\n(.*?)```", section(title), re.DOTALL)
    assert found
    return found[1]


def alert_of(source: str, body: bytes) -> AlertEvent:
    [event] = all_sources()[source].parse(body, {"content-type": "application/json"}, NOON)
    assert isinstance(event, AlertEvent)
    return event


Heard = list[tuple[str, str, bytes]]


@pytest.fixture
async def heard() -> AsyncIterator[tuple[str, Heard]]:
    """The address of a server, and the path, the authorization and the body of what was posted to it."""
    said: Heard = []

    async def take(request: web.Request) -> web.Response:
        said.append((request.path, request.headers.get("Authorization", ""), await request.read()))
        return web.Response(status=202)

    app = web.Application()
    app.router.add_post("/{path:.*}", take)
    async with TestServer(app) as server:
        yield str(server.make_url("/")), said


@pytest.mark.skipif(not shutil.which("curl"), reason="curl is not installed here")
@pytest.mark.parametrize(
    ("command", "labels", "summary"),
    [
        ("service", ("Disk C:", "web-1", "warning"), r"WARNING - C:\temp at 91% + growing; see @docs"),
        ("host", ("HostDown", "web-1", "critical"), "PING CRITICAL - 100% lost"),
    ],
)
async def test_the_commands_of_nagios_post_an_alert(
    heard: tuple[str, Heard], tmp_path: Path, command: str, labels: tuple[str, ...], summary: str
) -> None:
    address, said = heard
    token = tmp_path / "tandem.header"
    token.write_text("Authorization: Bearer s3cret\n")
    found = re.search(rf"notify-{command}-by-tandem\n *command_line +(.*)", block("Nagios and Icinga"))
    assert found
    line = re.sub(r"\$([A-Z]+)\$", lambda macro: SERVICE_MACROS[macro[1]], found[1])
    line = line.replace("/etc/tandem.header", str(token)).replace("https://tandem.example/", address)
    shell = await asyncio.create_subprocess_exec("sh", "-c", line.replace("/usr/bin/curl", "curl"))
    assert await shell.wait() == 0
    [(path, authorization, body)] = said
    assert (path, authorization) == ("/webhooks/nagios", "Bearer s3cret")
    event = alert_of("nagios", body)
    assert (event.labels["alertname"], event.labels["host"], event.labels["severity"]) == labels
    assert (event.annotations["summary"], event.starts_at.minute) == (summary, 51)


def test_the_commands_of_icinga_send_the_fields_that_its_door_reads() -> None:
    *_, said = re.findall(r"```\n(.*?)```", section("Nagios and Icinga"), re.DOTALL)
    service, host = said.split("object NotificationCommand ")[1:]
    fields = [re.findall(r'"--data-urlencode", "(\w+)=\$', part) for part in (service, host)]
    assert fields == [
        ["type", "host", "service", "state", "output", "since"],
        ["type", "host", "state", "output", "since"],
    ]


@pytest.mark.skipif(not shutil.which("node"), reason="node is not installed here")
@pytest.mark.parametrize(
    ("macros", "status"),
    [
        ({}, "firing"),
        ({"EVENT.VALUE": "0", "EVENT.RECOVERY.DATE": "2026.03.01", "EVENT.RECOVERY.TIME": "06:58:00"}, "resolved"),
    ],
)
def test_the_script_for_zabbix_posts_its_problem_in_the_time_of_its_server(macros: dict[str, str], status: str) -> None:
    [media_type] = yaml.safe_load(block("Zabbix", "yaml"))["zabbix_export"]["media_types"]
    known = ZABBIX_MACROS | macros
    parameters = {one["name"]: known.get(one["value"].strip("{}"), one["value"]) for one in media_type["parameters"]}
    ran = subprocess.run(
        ["node", "-e", ZABBIX_RUNTIME],
        input=json.dumps({"script": media_type["script"], "parameters": parameters}),
        env={"TZ": "America/New_York", "PATH": str(Path(shutil.which("node") or "").parent)},
        capture_output=True,
        text=True,
        check=True,
    )
    posted: dict[str, Any] = json.loads(ran.stdout)
    assert posted["url"] == "https://tandem.example/webhooks/zabbix"
    assert "Authorization: Bearer TOKEN" in posted["headers"]
    event = alert_of("zabbix", json.dumps(posted["body"]).encode())
    assert (event.status, event.starts_at) == (status, datetime(2026, 3, 1, 11, 51, 3, tzinfo=UTC))
    assert event.ends_at == (datetime(2026, 3, 1, 11, 58, tzinfo=UTC) if status == "resolved" else None)
    assert event.labels == {
        "alertname": 'Disk "C:\\" is full',
        "service": "ledger",
        "host": "db-1",
        "severity": "high",
    }
    assert event.annotations == {}
    assert event.link == "https://zabbix.example/tr_events.php?triggerid=22391&eventid=150233"


def test_the_body_for_kibana_is_read_whatever_a_rule_leaves_empty() -> None:
    known = {"rule.id": "1", "rule.name": "Latency", "alert.id": "cart", "alert.actionGroup": "recovered"}
    known |= {"date": "2026-03-01T11:58:00.000Z", "rule.tags": "team:blue"}
    body = re.sub(r"\{\{(.*?)\}\}", lambda variable: known.get(variable[1], ""), block("Elastic / Kibana", "json"))
    event = alert_of("elastic", body.encode())
    assert (event.status, event.labels["team"], event.ends_at) == (
        "resolved",
        "blue",
        datetime(2026, 3, 1, 11, 58, tzinfo=UTC),
    )


def test_the_exporter_of_kubernetes_sends_what_is_normal_too() -> None:
    said = yaml.safe_load(block("Kubernetes events", "yaml"))
    [route], [receiver] = said["route"]["routes"], said["receivers"]
    assert route["match"] == [{"receiver": receiver["name"]}]
    assert "drop" not in route
    assert receiver["webhook"].keys() == {"endpoint", "headers"}
