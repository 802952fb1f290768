"""What people do in Slack, as the functions that carry it out are given it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from bot.assistant.answering import AskModel
from bot.config.patches import Patches
from bot.domain.access.permission import Policy
from bot.domain.incident import Incident
from bot.domain.rules import Rules
from bot.domain.runbook import Runbook
from bot.domain.watched.telemetry import Watched
from bot.incidents.guarding import Guards
from bot.incidents.noting import Message
from bot.incidents.permissions import Who, actor_of
from bot.notify.slack.conversations.messages import Messages
from bot.notify.slack.conversations.panes import Panes
from bot.notify.slack.links import Links
from bot.notify.slack.people import People
from bot.notify.slack.sharing.files import Files
from bot.notify.slack.sharing.unfurls import Unfurls
from bot.questions.question import Knowledge
from bot.routing.schedules.roster import Roster
from bot.storage.database import Database
from handlers.slack.confirmations import Confirmations
from handlers.slack.origin import Origins

if TYPE_CHECKING:
    from bot.watches.models.watch import ModelsWatch  # brings scikit-learn: only for those who watch models


@dataclass(frozen=True)
class SlackEndpoint:
    """What commands, buttons and forms work with. ``on_change`` is called when Slack should show something new.

    ``watched`` are the watches of tandem.yaml by name, ``models`` is what watches models, where anything does.
    ``behind`` gives how far the pipeline is behind, None where it is not. ``policy`` says who may do what, ``people``
    what Slack knows about them, ``origins`` whose requests are taken, ``links`` where messages are, and ``files`` shows
    text files; ``confirmations`` are the questions that wait for an answer, ``guards`` what forbids runs, ``rules``
    what the pipeline works by, ``roster`` says who is on call, ``messages`` reads what people wrote, and ``knowledge``
    is what questions are answered from; ``assistant`` lets a language model answer one about a domain;
    ``unfurls`` shows cards under links, and ``panes`` what stands around a conversation with the bot; ``patches`` makes
    patches of proposed settings.
    """

    database: Database
    runbooks: Mapping[str, Runbook]
    clock: Callable[[], datetime]
    on_change: Callable[[], None]
    watched: Mapping[str, Watched] = field(default_factory=dict)
    models: "ModelsWatch | None" = None
    behind: Callable[[], timedelta | None] = lambda: None
    policy: Policy = field(default_factory=Policy)
    people: People | None = None
    origins: Origins | None = None
    links: Links | None = None
    files: Files | None = None
    confirmations: Confirmations = field(default_factory=Confirmations)
    guards: Guards = field(default_factory=Guards)
    rules: Rules = field(default_factory=Rules)
    roster: Roster | None = None
    messages: Messages | None = None
    knowledge: Knowledge | None = None
    assistant: AskModel | None = None
    unfurls: Unfurls | None = None
    panes: Panes | None = None
    patches: Patches = field(default_factory=Patches)

    @property
    def known(self) -> Knowledge:
        """What questions are answered from."""
        return self.knowledge or Knowledge(self.database, self.rules, self.roster)


@dataclass(frozen=True)
class Deed:
    """Who did it, and when; ``who`` decides what they may."""

    endpoint: SlackEndpoint
    who: Who
    now: datetime

    @property
    def user(self) -> str:
        return actor_of(self.who).id

    @property
    def database(self) -> Database:
        return self.endpoint.database


@dataclass(frozen=True)
class Call(Deed):
    """A slash command. ``text`` is what was typed after its name, ``example`` one that would be understood."""

    text: str
    example: str
    channel: str = ""


@dataclass(frozen=True)
class Click(Deed):
    """A button. ``value`` is what the message gave it, opaque to Slack; ``channel`` is where the message is."""

    value: str
    channel: str = ""


@dataclass(frozen=True)
class Place:
    """Where somebody wrote: ``thread`` is the first message of the thread, ``message`` their own."""

    channel: str
    thread: str
    message: str
    direct: bool = False


@dataclass(frozen=True)
class Mention(Deed):
    """A message to the bot. ``text`` is what was written beside its name; ``incident`` is whose thread it is in, None
    elsewhere."""

    text: str
    place: Place
    incident: Incident | None = None


@dataclass(frozen=True)
class Written:
    """A message that somebody chose: ``author`` is empty where a program wrote it."""

    channel: str
    ts: str
    thread: str
    text: str
    author: str

    def note(self, *, posted: bool) -> Message:
        """As it becomes a note; ``posted``: it stands in the thread of that incident."""
        return Message(self.channel, self.ts, self.text, self.author, posted=posted)


@dataclass(frozen=True)
class Shortcut(Deed):
    """A shortcut: of a message, or of the whole workspace, where ``message`` is None."""

    message: Written | None = None


@dataclass(frozen=True)
class Submission(Deed):
    """A form that was filled in: ``values`` by field, empty where nothing was entered.

    ``about`` is the value of the button that opened it.
    """

    values: Mapping[str, str]
    about: str = ""


@dataclass(frozen=True)
class Event(Deed):
    """Something that happened in Slack. ``about`` are its fields, ``id`` is the same when Slack sends it again.

    ``outsiders_read``: it was in a channel that is shared with another organisation.
    """

    about: Mapping[str, Any]
    id: str = ""
    outsiders_read: bool = False


@dataclass(frozen=True)
class Search(Deed):
    """What a person types in a list with a search. ``about`` is the value of the button that opened the form."""

    text: str
    about: str = ""


@dataclass(frozen=True)
class OpenForm:
    """The answer to a command or a button that is a form instead of text."""

    view: Mapping[str, Any]
