"""What a question is, and the registry of those that are understood. A new one is a file in ``kinds/``, found there:

@question("owner", label="Who has it?", phrases={r"who (has|owns|took) (it|this)": 3})
async def owner(asked: Asked) -> Answer: ...

An answer is data: its texts come from outside too, so whoever shows it escapes all of them.
"""

import importlib
import pkgutil
import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cache
from typing import TYPE_CHECKING, NamedTuple

from bot.domain.event import Chart
from bot.domain.incident import Incident, Tally
from bot.domain.rules import Rules
from bot.routing.schedules.roster import Roster
from bot.storage.database import Database
from detectors.topology import Topology

if TYPE_CHECKING:
    from detectors.rootcause.history import History  # brings numpy

MOST_LINES = 12
LAST = 100


class Line(NamedTuple):
    """One piece of evidence: a text, when it was, whom it is about (ids), and where more stands."""

    text: str
    at: datetime | None = None
    people: tuple[str, ...] = ()
    url: str = ""


@dataclass(frozen=True)
class Answer:
    """``says`` is the answer in a sentence, ``lines`` what it rests on, ``asked`` which question was understood."""

    says: str
    lines: Sequence[Line] = ()
    chart: Chart | None = None
    asked: str = ""

    @property
    def text(self) -> str:
        """All of it as plain text."""
        return "\n".join([self.says, *(line.text for line in self.lines)])


@dataclass
class Knowledge:
    """What answers are read from. ``live`` is what watched metrics say of services, by partition and name, as far as
    this process works on it; of the others there are snapshots."""

    database: Database
    rules: Rules
    roster: Roster | None = None
    live: Mapping[int, Mapping[str, "History"]] = field(default_factory=dict)
    _topology: Topology | None = None

    @property
    def topology(self) -> Topology:
        if self._topology is None:
            self._topology = Topology(self.rules.depends_on)
        return self._topology


@dataclass(frozen=True)
class Situation:
    """An incident as it is when it is asked about. ``topology`` is what is described, and what was learnt around it."""

    incident: Incident
    tallies: Sequence[Tally]
    topology: Topology
    domains: Sequence[str]
    now: datetime
    rules: Rules = field(default_factory=Rules)

    @property
    def suspect(self) -> str:
        """The service of the likely cause, else the first that is affected."""
        causes = self.incident.causes
        return causes[0].service if causes else next(iter(self.incident.services), "")

    @property
    def around(self) -> list[str]:
        """Its services, the suspect, and what these depend on."""
        own = [*self.incident.services, *([self.suspect] if self.suspect else [])]
        return list(dict.fromkeys([*own, *(below for one in own for below in self.topology.below(one))]))


@dataclass(frozen=True)
class Asked:
    """A question: ``services``, ``span`` and ``measure`` are what its words name, empty or None where they do not."""

    knowledge: Knowledge
    situation: Situation
    text: str = ""
    services: Sequence[str] = ()
    span: timedelta | None = None
    measure: str = ""

    @property
    def incident(self) -> Incident:
        return self.situation.incident

    @property
    def now(self) -> datetime:
        return self.situation.now


Work = Callable[[Asked], Awaitable[Answer]]


class Question(NamedTuple):
    """``label`` is the question as people would put it; ``phrases`` are what it is known by, with their weights.

    ``fits`` says whether it is worth suggesting in a situation.
    """

    name: str
    label: str
    phrases: Sequence[tuple[re.Pattern[str], int]]
    fits: Callable[[Situation], bool]
    work: Work
    place: int


_known: dict[str, Question] = {}


def _always(situation: Situation) -> bool:
    return True


def question(
    name: str,
    *,
    label: str,
    phrases: Mapping[str, int],
    fits: Callable[[Situation], bool] = _always,
    place: int = LAST,
) -> Callable[[Work], Work]:
    """Register a question. Raises ValueError where the name is taken. ``place`` orders suggestions and breaks ties."""

    def register(work: Work) -> Work:
        if name in _known:
            raise ValueError(f"two questions are named {name!r}")
        compiled = [(re.compile(rf"\b(?:{phrase})\b"), weight) for phrase, weight in phrases.items()]
        _known[name] = Question(name, label, compiled, fits, work, place)
        return work

    return register


@cache
def all_questions() -> Mapping[str, Question]:
    """Every question, in the order of its place."""
    package = importlib.import_module("bot.questions.kinds")
    for module in pkgutil.iter_modules(package.__path__, f"{package.__name__}."):
        importlib.import_module(module.name)
    return {one.name: one for one in sorted(_known.values(), key=lambda one: (one.place, one.name))}


def suggested(situation: Situation, most: int, but: str = "") -> list[Question]:
    """The questions that fit an incident, the most useful first."""
    return [one for one in all_questions().values() if one.name != but and one.fits(situation)][:most]
