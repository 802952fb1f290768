"""The slash commands, buttons, forms, lists with a search, mentions, shortcuts and events that are known. A new one is
a new file below ``commands/``, ``actions/``, ``forms/``, ``options/``, ``mentioned/``, ``shortcuts/`` or ``events/``,
found by itself:

@command("ack", args="12", help="acknowledge it: you look after it")
async def acknowledge(call: Call) -> str: ...

@action("incident.ack")
async def acknowledge(click: Click) -> None: ...

@form("incident.silence")
async def submit(submission: Submission) -> str: ...

@options("incident.merge.into")
async def others(search: Search) -> list[tuple[str, str]]: ...

@mention("note")
async def note(mention: Mention) -> Reply: ...

@shortcut("incident.open")
async def open_incident(shortcut: Shortcut) -> OpenForm: ...

@event("reaction_added")
async def reacted(event: Event) -> str | None: ...

Each changes something through the same function of ``bot/``, raises what that raises, and returns what only the person
is shown. A mention's reply, and one that a button returns, stand in the thread.
"""

import importlib
import pkgutil
from collections.abc import Awaitable, Callable, Mapping
from functools import cache
from typing import Any, NamedTuple, TypeVar

from handlers.slack.calls import Call, Click, Event, Mention, OpenForm, Search, Shortcut, Submission
from handlers.slack.reply import Later, Reply

RunCommand = Callable[[Call], Awaitable[str | Reply | OpenForm]]
RunAction = Callable[[Click], Awaitable[str | OpenForm | Reply | None]]
RunForm = Callable[[Submission], Awaitable[str | Later]]
RunOptions = Callable[[Search], Awaitable[list[tuple[str, str]]]]
RunMention = Callable[[Mention], Awaitable[Reply | None]]
RunShortcut = Callable[[Shortcut], Awaitable[str | OpenForm]]
RunEvent = Callable[[Event], Awaitable[str | None]]
Fields = Mapping[str, Any]
_Run = TypeVar("_Run", RunCommand, RunAction, RunForm, RunOptions, RunMention, RunShortcut)
_FOLDERS = ("commands", "actions", "forms", "options", "mentioned", "shortcuts", "events")
ANYTHING = ""
"""The word of the mention that takes what begins with no other's."""
INCIDENT, MODEL = "/incident", "/model"
LAST = 100


class Command(NamedTuple):
    """``usages`` are its arguments as examples, each with what it does."""

    slash: str
    name: str
    usages: Mapping[str, str]
    place: int
    run: RunCommand

    def examples(self) -> dict[str, str]:
        """What to type, with what it does: ``/incident ack 12``."""
        return {f"{self.slash} {self.name} {args}".strip(): does for args, does in self.usages.items()}


class Wanted(NamedTuple):
    """What an event does, for those of its kind that concern us."""

    concerns: Callable[[Fields], bool]
    run: RunEvent


_commands: dict[tuple[str, str], Command] = {}
_actions: dict[str, RunAction] = {}
_forms: dict[str, RunForm] = {}
_options: dict[str, RunOptions] = {}
_mentions: dict[str, RunMention] = {}
_shortcuts: dict[str, RunShortcut] = {}
_events: dict[str, Wanted] = {}


def command(
    name: str,
    *,
    help: str,
    args: str = "",
    more: Mapping[str, str] | None = None,
    slash: str = INCIDENT,
    place: int = LAST,
) -> Callable[[RunCommand], RunCommand]:
    """Register what a slash command's word does. Raises ValueError where the word is taken.

    ``args`` is an example of what follows the word, ``help`` is what it does, and ``more`` has further such pairs.
    ``place`` orders the help: lower comes first, equal ones by name.
    """

    def register(run: RunCommand) -> RunCommand:
        if (slash, name) in _commands:
            raise ValueError(f"two commands are named {slash} {name}")
        _commands[slash, name] = Command(slash, name, {args: help, **(more or {})}, place, run)
        return run

    return register


def action(begins_with: str) -> Callable[[RunAction], RunAction]:
    """Register what the buttons do whose ``action_id`` begins so. Raises ValueError where that is taken."""
    return _registering(_actions, begins_with, "actions")


def form(callback_id: str) -> Callable[[RunForm], RunForm]:
    """Register what becomes of a form that was filled in. Raises ValueError where the name is taken."""
    return _registering(_forms, callback_id, "forms")


def options(action_id: str) -> Callable[[RunOptions], RunOptions]:
    """Register what a list with a search offers for what is typed: values, each with what is shown. Raises ValueError
    where the name is taken."""
    return _registering(_options, action_id, "lists")


def mention(word: str) -> Callable[[RunMention], RunMention]:
    """Register what becomes of a message to the bot that begins with a word; :data:`ANYTHING` takes all others."""
    return _registering(_mentions, word, "mentions")


def shortcut(callback_id: str) -> Callable[[RunShortcut], RunShortcut]:
    """Register what a shortcut does, which the manifest declares. Raises ValueError where the name is taken."""
    return _registering(_shortcuts, callback_id, "shortcuts")


def event(kind: str, concerns: Callable[[Fields], bool] = bool) -> Callable[[RunEvent], RunEvent]:
    """Register what follows from an event of Slack's. Raises ValueError where that is taken.

    Those of whose fields ``concerns`` is not true are ignored, before anything is asked or looked up.
    """

    def register(run: RunEvent) -> RunEvent:
        if kind in _events:
            raise ValueError(f"two events are named {kind!r}")
        _events[kind] = Wanted(concerns, run)
        return run

    return register


def _registering(known: dict[str, _Run], name: str, kind: str) -> Callable[[_Run], _Run]:
    def register(run: _Run) -> _Run:
        if name in known:
            raise ValueError(f"two {kind} are named {name!r}")
        known[name] = run
        return run

    return register


def commands_of(slash: str) -> dict[str, Command]:
    """The words of a slash command, in the order of its help."""
    _load()
    found = [one for one in _commands.values() if one.slash == slash]
    return {one.name: one for one in sorted(found, key=lambda one: (one.place, one.name))}


def slashes() -> list[str]:
    _load()
    return sorted({one.slash for one in _commands.values()})


def actions() -> dict[str, RunAction]:
    """By what their ``action_id`` begins with, the longest first: it is the most exact."""
    _load()
    return {begin: _actions[begin] for begin in sorted(_actions, key=lambda begin: (-len(begin), begin))}


def forms() -> dict[str, RunForm]:
    _load()
    return dict(_forms)


def searches() -> dict[str, RunOptions]:
    """By the ``action_id`` of the list."""
    _load()
    return dict(_options)


def mentions() -> dict[str, RunMention]:
    """By the word that a message begins with."""
    _load()
    return dict(_mentions)


def shortcuts() -> dict[str, RunShortcut]:
    _load()
    return dict(_shortcuts)


def events() -> dict[str, Wanted]:
    _load()
    return dict(_events)


@cache
def _load() -> None:
    """Import every module of the folders, which registers what is in them."""
    for folder in _FOLDERS:
        package = importlib.import_module(f"handlers.slack.{folder}")
        for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            importlib.import_module(module.name)
