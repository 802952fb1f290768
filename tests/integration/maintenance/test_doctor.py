"""``tandem doctor``: whatever is missing, it says what, and what to do."""

import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from bot.commands.parts.checks.finding import Finding, Mark
from bot.commands.parts.doctor import SCOPES, diagnose
from bot.config import Config, load_config
from bot.localslack import LocalSlack
from bot.storage.database import open_database
from bot.storage.queries import audit
from bot.storage.queries.audit import AuditEntry
from bot.storage.queries.shown import homes

HEX = "0123456789abcdef" * 2
SOUND = {
    "TANDEM_WEBHOOK_TOKEN": "a-token-nobody-guesses",
    "SLACK_BOT_TOKEN": "xoxb-local",
    "SLACK_SIGNING_SECRET": HEX,
}
SECRETS = ("a-token-nobody-guesses", "stubby", "xoxb-local", "xoxb-wrong", HEX, "xapp-wrong", "hidden")


async def _diagnose(
    monkeypatch: pytest.MonkeyPatch,
    folder: Path,
    channel: str = "#incidents",
    models: tuple[str, ...] = (),
    /,
    **environment: str,
) -> dict[str, Finding]:
    """What is found, by subject, in this environment."""
    document = {"slack": {"channel": channel}, "models": {name: {} for name in models}}
    for name in (*SOUND, "SLACK_APP_TOKEN", "TANDEM_API_TOKEN", "TANDEM_CONFIG"):
        monkeypatch.delenv(name, raising=False)
    for name, value in {"TANDEM_DATABASE_URL": f"sqlite:///{folder}/t.db", **SOUND, **environment}.items():
        monkeypatch.setenv(name, value)
    findings = await diagnose(lambda: Config.model_validate(document))
    told = "\n".join(finding.text + finding.advice for finding in findings)
    assert not any(secret in told for secret in SECRETS)
    assert all(finding.advice for finding in findings if finding.mark is Mark.FAIL)
    return {finding.subject: finding for finding in findings}


def _failed(found: dict[str, Finding]) -> dict[str, Finding]:
    return {subject: finding for subject, finding in found.items() if finding.mark is not Mark.OK}


async def test_where_nothing_is_missing_everything_is_ok(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    async with LocalSlack() as slack:
        found = await _diagnose(monkeypatch, tmp_path, SLACK_API_URL=slack.api_url)
        assert _failed(found) == {}
        subjects = {
            "configuration",
            "database",
            "audit log",
            "archive",
            "webhooks",
            "buttons",
            "Slack token",
            "Slack scopes",
            "clock",
            "channel",
            "severities",
            "CloudWatch",
        }
        assert found.keys() == subjects
        found = await _diagnose(
            monkeypatch, tmp_path, SLACK_API_URL=slack.api_url, SLACK_APP_TOKEN="xapp-local", SLACK_SIGNING_SECRET=""
        )
        assert _failed(found) == {}
        assert found.keys() == subjects | {"Socket Mode"}


AMISS: list[tuple[dict[str, Any], str, dict[str, str], str, str, str]] = [
    (
        {},
        "#incidents",
        {"SLACK_BOT_TOKEN": "xoxb-wrong"},
        "Slack token",
        "invalid_auth",
        "copy its Bot User OAuth Token",
    ),
    ({}, "#incidents", {"SLACK_BOT_TOKEN": ""}, "Slack token", "SLACK_BOT_TOKEN is not set", "slack-manifest.yaml"),
    ({}, "#incidents", {"SLACK_SIGNING_SECRET": ""}, "buttons", "no button", "SLACK_SIGNING_SECRET"),
    ({}, "#incidents", {"SLACK_SIGNING_SECRET": "stubby"}, "buttons", "does not look like", "Signing Secret"),
    ({}, "#incidents", {"SLACK_APP_TOKEN": "xapp-wrong"}, "Socket Mode", "invalid_auth", "connections:write"),
    ({}, "#incidents", {"TANDEM_WEBHOOK_TOKEN": ""}, "webhooks", "every delivery is refused", "openssl rand"),
    ({}, "#incidents", {"TANDEM_WEBHOOK_TOKEN": "stubby"}, "webhooks", "short enough", "openssl rand"),
    ({}, "#nowhere", {}, "channel", "sees no channel named #nowhere", "Create #nowhere"),
    ({"not_joined": ["random"]}, "#random", {}, "channel", "no member of #random", "/invite @tandem"),
    ({"scopes": ",".join(SCOPES[:-1])}, "#incidents", {}, "Slack scopes", "missing: commands", "reinstall the app"),
    ({"scopes": ",".join(SCOPES[1:])}, "#incidents", {}, "Slack scopes", "all else works", "reinstall the app"),
    ({"scopes": ""}, "#incidents", {}, "Slack scopes", "did not say", ""),
    ({"clock": lambda: time.time() + 600}, "#incidents", {}, "clock", "differs from Slack's by", "NTP"),
    ({"clock": lambda: time.time() - 90}, "#incidents", {}, "clock", "differs from Slack's by", "NTP"),
    (
        {},
        "#incidents",
        {"TANDEM_DATABASE_URL": "postgresql://bot:hidden@127.0.0.1:1/tandem"},
        "database",
        "connection failed",
        "Check TANDEM_DATABASE_URL",
    ),
    ({}, "#incidents", {"TANDEM_DATABASE_URL": "hidden"}, "database", "write sqlite:///PATH", "TANDEM_DATABASE_URL"),
    ({}, "#incidents", {"TANDEM_DATABASE_URL": "sqlite:////dev/null/t.db"}, "database", "/dev/null", "free disk space"),
]


@pytest.mark.parametrize(("slack_options", "channel", "environment", "subject", "text", "advice"), AMISS)
async def test_what_is_amiss_is_named_with_what_to_do(
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    slack_options: dict[str, Any],
    channel: str,
    environment: dict[str, str],
    subject: str,
    text: str,
    advice: str,
) -> None:
    async with LocalSlack(**slack_options) as slack:
        found = await _diagnose(monkeypatch, tmp_path, channel, SLACK_API_URL=slack.api_url, **environment)
    finding = _failed(found)[subject]
    assert text in finding.text
    assert advice in finding.advice


async def test_the_ops_channel_is_looked_at_like_those_of_routes(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    config = Config.model_validate({"slack": {"channel": "#incidents", "ops_channel": "#tandem-ops"}})
    async with LocalSlack(not_joined=["tandem-ops"]) as slack:
        await _diagnose(monkeypatch, tmp_path, SLACK_API_URL=slack.api_url)
        found = [one.text for one in await diagnose(lambda: config) if one.subject == "channel"]
    assert found == ["the bot is a member of #incidents", "the bot is no member of #tandem-ops"]


async def test_whether_anybody_ever_opened_their_page_is_said(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    database = open_database(f"sqlite:///{tmp_path}/t.db")
    await database.migrate()
    assert "subscribe to the event app_home_opened" in (await _diagnose(monkeypatch, tmp_path))["App Home"].text
    async with database.write() as connection:
        await homes.ask(connection, "U1", datetime.now(UTC))
    assert "people open" in (await _diagnose(monkeypatch, tmp_path))["App Home"].text
    await database.close()


async def test_an_audit_log_that_was_written_into_is_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    database = open_database(f"sqlite:///{tmp_path}/t.db")
    await database.migrate()
    async with database.write() as connection:
        for action in ("first", "second", "third"):
            entry = AuditEntry(at=datetime(2026, 3, 1, tzinfo=UTC), actor="U1", action=action, subject="s", details={})
            await audit.append(connection, entry)
    assert (await _diagnose(monkeypatch, tmp_path))["audit log"].mark is Mark.OK
    async with database.write() as connection:
        await connection.exec_driver_sql("DROP TRIGGER audit_no_update")
        await connection.exec_driver_sql("UPDATE audit SET actor = 'U2' WHERE seq = 2")
    await database.close()
    found = (await _diagnose(monkeypatch, tmp_path))["audit log"]
    assert found.mark is Mark.FAIL
    assert "row 2" in found.text


async def test_an_archive_that_takes_nothing_is_told_and_one_that_does_says_how_it_is_read(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    found = (await _diagnose(monkeypatch, tmp_path))["archive"]
    assert found.mark is Mark.OK
    assert f"pandas.read_parquet('{tmp_path}/t.archive/incidents')" in found.text
    found = (await _diagnose(monkeypatch, tmp_path, TANDEM_ARCHIVE="/dev/null/archive"))["archive"]
    assert found.mark is Mark.FAIL
    assert "TANDEM_ARCHIVE" in found.advice


@pytest.mark.parametrize("store", ["", "memory://models"])
async def test_where_models_are_watched_the_store_of_their_data_is_tried(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, store: str
) -> None:
    found = (await _diagnose(monkeypatch, tmp_path, "#incidents", ("forecast",), TANDEM_MODEL_STORE=store))[
        "model data"
    ]
    assert found.mark is Mark.OK
    assert (store or "t.models") in found.text.replace(":///", "://")
    found = (
        await _diagnose(monkeypatch, tmp_path, "#incidents", ("forecast",), TANDEM_MODEL_STORE="http://127.0.0.1:1/x")
    )["model data"]
    assert found.mark is Mark.FAIL
    assert "TANDEM_MODEL_STORE" in found.advice


async def test_a_store_that_other_replicas_do_not_see_is_told(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, empty_database: str
) -> None:
    place = str(tmp_path / "models")
    found = await _diagnose(
        *(monkeypatch, tmp_path, "#incidents", ("forecast",)),
        TANDEM_DATABASE_URL=empty_database,
        TANDEM_MODEL_STORE=place,
    )
    assert found["model data"].mark is Mark.WARN
    assert place in found["model data"].text and "s3://bucket" in found["model data"].text


async def test_a_slack_that_cannot_be_reached_is_no_wrong_token(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    found = await _diagnose(monkeypatch, tmp_path, SLACK_API_URL="http://127.0.0.1:1/api/")
    assert "cannot be reached" in found["Slack token"].text
    assert "Check the network" in found["Slack token"].advice


async def test_a_configuration_that_is_wrong_is_named_with_its_line(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("TANDEM_DATABASE_URL", f"sqlite:///{tmp_path}/t.db")  # and not that of what runs here
    path = tmp_path / "tandem.yaml"
    path.write_text("slack: {}\nservces: {}\n")
    (finding,) = await diagnose(lambda: load_config(path)[0])
    assert finding.mark is Mark.FAIL
    assert finding.text.endswith("tandem.yaml:2: servces: is no known key; did you mean 'services'?")
    assert "tandem check" in finding.advice
