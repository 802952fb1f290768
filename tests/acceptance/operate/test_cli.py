"""The command line, as somebody types it who has made a mistake."""

import asyncio
import json
import os
import signal
import socket
import sys
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from bot.localslack import LocalSlack
from tests.acceptance.harness import alert, delivery
from tests.programs import start_program


class Ended(NamedTuple):
    code: int
    out: str
    err: str


async def tandem(*arguments: str | Path, **environment: str) -> Ended:
    """Run ``tandem`` to its end, in an environment without settings other than these."""
    with tempfile.TemporaryDirectory() as folder:
        out, err = Path(folder, "out"), Path(folder, "err")
        program = await start_program(
            "bot.cli", *arguments, environment=_without_settings() | environment, out=out, err=err
        )
        ended = Ended(await program.wait(60), out.read_text(), err.read_text())
    assert "Traceback" not in ended.err, ended.err
    return ended


def _without_settings() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if not name.startswith(("TANDEM_", "SLACK_"))}


def _written(folder: Path, text: str) -> Path:
    path = folder / "tandem.yaml"
    path.write_text(text)
    return path


VALID = """
services:
  checkout: {depends_on: [payments]}
  payments: {}
runbooks:
  restart:
    title: Restart
    when: {service: checkout}
    steps: [{command: {argv: [systemctl, restart, checkout]}}]
    approval: {approvers: [U012AB3CD]}
"""
BROKEN = {
    "an unknown key": (
        "slack: {chanel: '#x'}",
        "tandem.yaml:1: slack.chanel: is no known key; did you mean 'channel'?",
    ),
    "no such duration": ("correlation:\n\n  window: soon", "tandem.yaml:3: correlation.window: 'soon' is no duration"),
    "no such person": (VALID.replace("U012AB3CD", "ana"), "'ana' is no Slack user id"),
    "something twice": ("slack: {}\nslack: {}", "tandem.yaml:2: slack: is given twice, first on line 1"),
    "no YAML": ("slack: {\n  channel: [", "tandem.yaml:2: this is no valid YAML"),
}


async def test_check_says_what_a_valid_configuration_holds(tmp_path: Path) -> None:
    path = _written(tmp_path, VALID)
    ended = await tandem("check", "--config", path)
    assert (ended.code, ended.err) == (0, "")
    assert ended.out == f"{path}: valid (2 services, 0 models, 1 runbooks)\n"
    assert (await tandem("check", TANDEM_CONFIG=str(path))).out == ended.out


async def test_run_begins_from_nothing_and_ends_on_sigterm_as_a_shell_starts_it(tmp_path: Path) -> None:
    """The other tests fork a process that has imported everything; here whatever is missing would show."""
    monitored = "models: {forecast: {monitors: [{kind: drift}]}}"
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "bot.cli", "run", "--port", "0", "--config", _written(tmp_path, VALID + monitored)),
        stderr=asyncio.subprocess.PIPE,
        env=_without_settings() | {"TANDEM_DATABASE_URL": _sqlite(tmp_path)},
    )
    assert process.stderr is not None
    async with asyncio.timeout(120):
        said = [line async for line in _until_ready(process.stderr)]
        process.send_signal(signal.SIGTERM)
        _, rest = await process.communicate()
    assert process.returncode == 0, (said, rest)
    assert b"Traceback" not in b"".join([*said, rest])


async def _until_ready(lines: asyncio.StreamReader) -> AsyncIterator[bytes]:
    while line := await lines.readline():
        yield line
        if b"tandem.ready" in line:
            return


@pytest.mark.parametrize("case", BROKEN)
async def test_check_names_file_line_and_key_of_what_is_wrong(tmp_path: Path, case: str) -> None:
    text, said = BROKEN[case]
    ended = await tandem("check", "--config", _written(tmp_path, text))
    assert (ended.code, ended.out) == (2, "")
    assert said in ended.err


async def test_check_names_everything_that_is_wrong_at_once(tmp_path: Path) -> None:
    text = "slack: {chanel: x}\nservces: {}\ncorrelation: {window: soon}"
    ended = await tandem("check", "--config", _written(tmp_path, text))
    assert [line.rpartition("/")[2].split(": ")[:2] for line in ended.err.splitlines()] == [
        ["tandem.yaml:1", "slack.chanel"],
        ["tandem.yaml:3", "correlation.window"],
        ["tandem.yaml:2", "servces"],
    ]


async def test_check_names_the_package_that_a_store_of_model_data_lacks(tmp_path: Path) -> None:
    path = _written(tmp_path, "models: {forecast: {}}")
    ended = await tandem("check", "--config", path, TANDEM_MODEL_STORE="nosuch://bucket/models")
    assert (ended.code, ended.out) == (2, "")
    assert "TANDEM_MODEL_STORE: Protocol not known: nosuch" in ended.err
    ended = await tandem("check", "--config", path, TANDEM_DATABASE_URL="postgresql://db/tandem")
    assert ended.code == 0
    assert "warning: the data of models is kept in .tandem/models, which other machines do not see" in ended.out


async def test_check_warns_of_what_is_allowed_but_hardly_meant(tmp_path: Path) -> None:
    text = "services:\n  checkout: {depends_on: [paymnts]}\n  payments: {}"
    ended = await tandem("check", "--config", _written(tmp_path, text))
    assert ended.code == 0
    assert "tandem.yaml:2: services.checkout.depends_on.0: 'paymnts' is described nowhere" in ended.out
    assert "did you mean 'payments'?" in ended.out


async def test_a_file_that_was_named_must_exist(tmp_path: Path) -> None:
    ended = await tandem("run", TANDEM_CONFIG=str(tmp_path / "none.yaml"))
    assert ended.code == 2
    assert "none.yaml: cannot be read" in ended.err


async def test_run_refuses_a_broken_configuration_in_the_same_words(tmp_path: Path) -> None:
    text, said = BROKEN["an unknown key"]
    ended = await tandem("run", "--config", _written(tmp_path, text), TANDEM_DATABASE_URL=_sqlite(tmp_path))
    assert ended.code == 2
    assert said in ended.err
    assert not (tmp_path / "t.db").exists()


NO_DATABASE = {
    "a server that is not there": (
        "postgresql://bot:hidden@127.0.0.1:1/tandem",
        1,
        "cannot be used: connection failed",
    ),
    "a file that is no database": ("sqlite:///{folder}/tandem.yaml", 1, "cannot be used: file is not a database"),
    "no address": ("hidden", 2, "write sqlite:///PATH or postgresql://"),
}


@pytest.mark.parametrize("case", NO_DATABASE)
async def test_run_without_a_database_says_so_and_not_the_password(tmp_path: Path, case: str) -> None:
    url, code, said = NO_DATABASE[case]
    config = _written(tmp_path, VALID + "# long enough to be read as the header of a database\n" * 3)
    ended = await tandem("run", "--config", config, TANDEM_DATABASE_URL=url.format(folder=tmp_path))
    assert ended.code == code
    assert said in ended.err
    assert "hidden" not in ended.err + ended.out


async def test_run_says_that_its_port_is_taken(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        config = _written(tmp_path, VALID)
        ended = await tandem("run", "--config", config, "--port", str(port), TANDEM_DATABASE_URL=_sqlite(tmp_path))
    assert ended.code == 1
    assert str(port) in ended.err


def _sqlite(folder: Path) -> str:
    return f"sqlite:///{folder}/t.db"


def _line(second: int, source: str, body: Any) -> str:
    return json.dumps({"received_at": f"2026-03-01T12:00:{second:02}Z", "source": source, "body": body})


def _log(folder: Path, *lines: str) -> Path:
    path = folder / "log.jsonl"
    path.write_text("\n".join(lines))
    return path


CLOUDEVENT = {"specversion": "1.0", "id": "1", "source": "/jobs", "type": "job.failed", "subject": "forecast"}
EVENT = {
    "kind": "alert",
    "source": "test",
    "fingerprint": "f",
    "status": "firing",
    "labels": {"alertname": "QueueFull", "service": "checkout"},
    "starts_at": "2026-03-01T12:00:00Z",
}


async def test_replay_prints_the_incidents_that_a_log_makes_under_todays_configuration(tmp_path: Path) -> None:
    payments = alert(service="payments", alertname="Down")
    log = _log(
        tmp_path,
        _line(0, "alertmanager", delivery(alert(), groupKey="a")),
        "",
        _line(5, "alertmanager", delivery(payments, groupKey="b")),
        json.dumps({"received_at": "2026-03-01T12:00:07Z", "source": "test", "events": [EVENT]}),
        _line(9, "cloudevents", CLOUDEVENT),
        _line(59, "cloudevents", CLOUDEVENT | {"type": "job.failed.resolved"}),
    )
    config = _written(tmp_path, VALID)
    ended = await tandem("replay", log, "--config", config, "--json")
    assert ended.code == 0, ended.err
    first, second = json.loads(ended.out)
    assert first["title"] == "payments is down: checkout affected"
    assert (first["status"], first["severity"], first["opened_at"]) == (
        "triggered",
        "critical",
        "2026-03-01T12:00:00+00:00",
    )
    assert first["cause"].startswith("payments (")
    assert (second["title"], second["status"]) == ("forecast failed", "resolved")
    assert second["resolved_at"] == "2026-03-01T12:00:59+00:00"


async def test_replay_names_the_line_that_cannot_be_read(tmp_path: Path) -> None:
    log = _log(tmp_path, _line(0, "alertmanager", delivery(alert())), _line(1, "alertmanager", {"version": "4"}))
    ended = await tandem("replay", log, "--config", _written(tmp_path, VALID))
    assert (ended.code, ended.out) == (2, "")
    assert ended.err == f"{log}:2: Object missing required field `alerts`\n"


async def test_replay_says_that_there_is_no_log(tmp_path: Path) -> None:
    missing = await tandem("replay", tmp_path / "none.jsonl", "--config", _written(tmp_path, VALID))
    assert (missing.code, missing.err) == (2, f"{tmp_path}/none.jsonl: there is no such file\n")


async def test_doctor_looks_at_everything_and_says_what_to_do(tmp_path: Path) -> None:
    config = _written(tmp_path, VALID)
    async with LocalSlack(signing_secret="0123456789abcdef" * 2) as slack:
        sound = {
            "TANDEM_DATABASE_URL": _sqlite(tmp_path),
            "TANDEM_WEBHOOK_TOKEN": "a-token-nobody-guesses",
            "SLACK_API_URL": slack.api_url,
            "SLACK_BOT_TOKEN": slack.bot_token,
            "SLACK_SIGNING_SECRET": slack.signing_secret,
        }
        ended = await tandem("doctor", "--config", config, **sound)
        assert (ended.code, ended.err) == (0, "")
        assert all(line.startswith("ok ") for line in ended.out.splitlines())
        ended = await tandem("doctor", "--config", config, **sound | {"SLACK_BOT_TOKEN": "xoxb-wrong"})
        assert (ended.code, ended.err) == (1, "")
        said = "FAILED  Slack token: invalid_auth\n    → Install the app again and copy its Bot User OAuth Token"
        assert said in ended.out
        assert "xoxb-wrong" not in ended.out
