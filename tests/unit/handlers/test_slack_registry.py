"""Slack's commands, buttons and forms: each is a file that is found by itself, and has a name of its own."""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from handlers.slack import actions, commands, forms, registry
from handlers.slack.calls import Call, Click, Submission
from handlers.slack.slash import help_text

COMMAND = """
from handlers.slack.calls import Call
from handlers.slack.registry import command

@command("wave", args="12", help="wave at it", more={"everybody": "wave at all"})
async def wave(call: Call) -> str:
    return "👋"
"""
ACTION = """
from handlers.slack.calls import Click
from handlers.slack.registry import action

@action("incident.wave")
async def wave(click: Click) -> None: ...
"""
FORM = """
from handlers.slack.calls import Submission
from handlers.slack.registry import form

@form("incident.wave")
async def wave(submission: Submission) -> str:
    return "👋"
"""


@pytest.fixture(autouse=True)
def own_registry(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """What a test registers is forgotten with it."""
    registry._load()
    for known in ("_commands", "_actions", "_forms"):
        monkeypatch.setattr(registry, known, dict(getattr(registry, known)))
    yield
    registry._load.cache_clear()
    for name in [name for name in sys.modules if name.endswith(".waving")]:
        del sys.modules[name]


@pytest.fixture(params=[(commands, COMMAND), (actions, ACTION), (forms, FORM)], ids=["command", "action", "form"])
def dropped_in(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A file more in one of the folders."""
    package, text = request.param
    (tmp_path / "waving.py").write_text(text)
    monkeypatch.setattr(package, "__path__", [*package.__path__, str(tmp_path)])
    registry._load.cache_clear()
    return str(package.__name__).rpartition(".")[2]


def test_a_file_in_a_folder_is_all_that_a_new_one_takes(dropped_in: str) -> None:
    found: dict[str, Any] = {
        "commands": registry.commands_of("/incident"),
        "actions": registry.actions(),
        "forms": registry.forms(),
    }
    assert {"commands": "wave", "actions": "incident.wave", "forms": "incident.wave"}[dropped_in] in found[dropped_in]
    if dropped_in == "commands":
        lines = help_text("/incident").splitlines()
        assert lines[-3:-1] == ["*`/incident wave 12`* wave at it", "*`/incident wave everybody`* wave at all"]


async def _command(call: Call) -> str:
    return ""


async def _action(click: Click) -> None: ...


async def _form(submission: Submission) -> str:
    return ""


def test_no_two_have_one_name() -> None:
    with pytest.raises(ValueError, match="two commands are named /incident ack"):
        registry.command("ack", help="")(_command)
    with pytest.raises(ValueError, match=r"two actions are named 'run\.approve'"):
        registry.action("run.approve")(_action)
    with pytest.raises(ValueError, match=r"two forms are named 'incident\.silence'"):
        registry.form("incident.silence")(_form)
    registry.command("ack", slash="/model", help="")(_command)


def test_of_two_actions_that_begin_alike_the_longer_is_tried_first() -> None:
    registry.action("run.approve.twice")(_action)
    order = list(registry.actions())
    assert order.index("run.approve.twice") < order.index("run.approve")


def test_the_buttons_of_the_contract_are_there() -> None:
    assert {"run.approve", "run.reject", "incident.ack", "incident.resolve"} <= registry.actions().keys()
