"""The examples of CONTRIBUTING.md work: each is registered like any other of its kind, and passes its own test."""

import inspect
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest

from bot.remediation.executors import registry as executors
from handlers.sources import registry as sources

TEXT = (Path(__file__).parents[3] / "CONTRIBUTING.md").read_text()


def section(heading: str) -> str:
    return TEXT.partition(f"## {heading}\n")[2].partition("\n## ")[0]


def example(heading: str) -> dict[str, Any]:
    """The first block of a section, executed as a module of its own."""
    module: dict[str, Any] = {"__name__": f"example: {heading}"}
    exec(compile(blocks(heading)[0], heading, "exec"), module)
    return module


def blocks(heading: str) -> list[str]:
    return re.findall(r"```python\n(.*?)```", section(heading), re.DOTALL)


async def passes_its_own_test(heading: str, module: dict[str, Any], **more: Any) -> None:
    """Run the test of the section's second block, with the names of the example and a few more."""
    names = module | more
    exec(compile(blocks(heading)[1], f"the test of {heading}", "exec"), names)
    [test] = [value for name, value in names.items() if name.startswith("test_")]
    given = test()
    if inspect.isawaitable(given):
        await given


async def test_the_source_is_one_and_passes_its_own_test(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sources, "_known", {})
    module = example("Add a source")
    assert sources._known["pager"].verify is sources.bearer
    await passes_its_own_test("Add a source", module, msgspec=msgspec, datetime=datetime, UTC=UTC)
    with pytest.raises(sources.Malformed, match="state"):
        module["parse"](
            b'{"id": "P1", "state": "ajar", "tags": {}, "since": "2026-03-01T12:00:00Z"}', {}, datetime.now(UTC)
        )


@pytest.mark.parametrize("name", ["bearer_or_like", "hmac_sha256", "shared_secret", "standard_webhook"])
def test_what_it_says_of_senders_exists(name: str) -> None:
    assert name in section("Add a source")
    assert callable(getattr(sources, name))


async def test_the_executor_is_one_and_passes_its_own_test(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(executors, "_known", {})
    module = example("Add an executor")
    assert executors._known["port"].parameters is module["PortParameters"]
    await passes_its_own_test("Add an executor", module)
