"""What only some configurations need is imported for those alone, and not on the event loop."""

import asyncio
import importlib
import threading

import pytest

from bot.components.pipeline import import_what_it_needs
from bot.config import Config
from bot.domain.rules import Rules


def _imported_for(rules: Rules, monkeypatch: pytest.MonkeyPatch) -> dict[str, bool]:
    """The modules, each with whether a thread other than the loop's imported it."""
    found: dict[str, bool] = {}
    loops = threading.current_thread()
    monkeypatch.setattr(
        importlib, "import_module", lambda name: found.update({name: threading.current_thread() is not loops})
    )
    asyncio.run(import_what_it_needs(rules))
    return found


def test_who_has_alerts_alone_imports_nothing_of_metrics_and_models(monkeypatch: pytest.MonkeyPatch) -> None:
    found = _imported_for(Config().rules(), monkeypatch)
    assert not [name for name in found if "models" in name or "metrics" in name or "forecast" in name]


def test_what_metrics_and_models_need_is_imported_in_a_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    document = {
        "metrics": {"watch": {"latency": {"match": ["__name__=latency"], "by": ["service"]}}},
        "models": {"fraud": {"monitors": [{"kind": "drift"}]}},
    }
    found = _imported_for(Config.model_validate(document).rules(), monkeypatch)
    assert {"bot.watches.metrics.watch", "bot.watches.models.watch", "handlers.models.endpoint"} <= found.keys()
    assert all(found.values())
