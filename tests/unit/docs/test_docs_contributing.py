"""The examples of CONTRIBUTING.md work: each is registered like any other of its kind, and passes its own test."""

from datetime import UTC, datetime

import msgspec
import pytest
from typer.testing import CliRunner

from bot.commands import registry as cli_commands
from bot.remediation.executors import registry as executors
from handlers.http import authentication
from handlers.sources import registry as sources
from tests.contributing import example, passes_its_own_test, section


async def test_the_source_is_one_and_passes_its_own_test(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sources, "_known", {})
    module = example("Add a source")
    assert sources._known["pager"].verify is authentication.bearer
    await passes_its_own_test("Add a source", module, msgspec=msgspec, datetime=datetime, UTC=UTC)
    with pytest.raises(sources.Malformed, match="state"):
        module["parse"](
            b'{"id": "P1", "state": "ajar", "tags": {}, "since": "2026-03-01T12:00:00Z"}', {}, datetime.now(UTC)
        )


@pytest.mark.parametrize("name", ["bearer_or_like", "hmac_sha256", "shared_secret", "standard_webhook"])
def test_what_it_says_of_senders_exists(name: str) -> None:
    assert name in section("Add a source")
    assert callable(getattr(authentication, name))


async def test_the_executor_is_one_and_passes_its_own_test(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(executors, "_known", {})
    module = example("Add an executor")
    assert executors._known["port"].parameters is module["PortParameters"]
    await passes_its_own_test("Add an executor", module)


async def test_the_command_of_tandem_is_one_and_passes_its_own_test(monkeypatch: pytest.MonkeyPatch) -> None:
    cli = cli_commands.assemble()
    monkeypatch.setattr(cli, "registered_commands", list(cli.registered_commands))
    heading = "Add a command of `tandem`"
    module = example(heading)
    assert "sources" in [one.name for one in cli.registered_commands]
    await passes_its_own_test(heading, module, CliRunner=CliRunner, cli=cli)
