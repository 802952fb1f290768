"""The source that CONTRIBUTING.md writes as an example is one, and passes the test that it gives for it."""

import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest

from handlers.sources import registry

TEXT = (Path(__file__).parents[3] / "CONTRIBUTING.md").read_text()
SECTION = TEXT.partition("## Add a source\n")[2].partition("\n## ")[0]
SOURCE, TEST = re.findall(r"```python\n(.*?)```", SECTION, re.DOTALL)


@pytest.fixture
def pager(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """The example's module, registered for this test only."""
    monkeypatch.setattr(registry, "_known", {})
    module: dict[str, Any] = {"__name__": "handlers.webhooks.pager"}
    exec(compile(SOURCE, "handlers/webhooks/pager.py", "exec"), module)
    return module


def test_the_example_is_a_source_that_passes_its_own_test(pager: dict[str, Any]) -> None:
    assert registry._known["pager"].verify is registry.bearer
    module: dict[str, Any] = {"parse": pager["parse"], "msgspec": msgspec, "datetime": datetime, "UTC": UTC}
    exec(compile(TEST, "tests/unit/test_pager.py", "exec"), module)
    [test] = [value for name, value in module.items() if name.startswith("test_")]
    test()


def test_the_example_names_the_field_that_is_wrong(pager: dict[str, Any]) -> None:
    with pytest.raises(registry.Malformed, match="state"):
        pager["parse"](
            b'{"id": "P1", "state": "ajar", "tags": {}, "since": "2026-03-01T12:00:00Z"}', {}, datetime.now(UTC)
        )


@pytest.mark.parametrize("name", ["bearer_or_like", "hmac_sha256", "shared_secret", "standard_webhook"])
def test_what_it_says_of_senders_exists(name: str) -> None:
    assert name in SECTION
    assert callable(getattr(registry, name))
