"""Labels that another system is asked for over HTTP. Here is what is known of its answers; asking is not done here."""

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import TypeAlias

from bot.domain.enrichment.step import Added, Subject

MOST = 20_000
"""Answers that are kept; the least lately used makes room."""
LONGEST_KEY = 200

Key: TypeAlias = tuple[str, ...]


@dataclass(frozen=True)
class Answer:
    """What was answered, and when; ``at`` is None where nothing ever was. ``failed``: it was asked again, at
    ``tried_at``, and did not answer."""

    labels: Mapping[str, str]
    at: datetime | None
    tried_at: datetime
    failed: bool = False


class Answers:
    """The last answer of each key."""

    def __init__(self) -> None:
        self._by_key: OrderedDict[Key, Answer] = OrderedDict()

    def __len__(self) -> int:
        return len(self._by_key)

    def get(self, key: Key) -> Answer | None:
        if key in self._by_key:
            self._by_key.move_to_end(key)
        return self._by_key.get(key)

    def note(self, key: Key, labels: Mapping[str, str], at: datetime) -> None:
        self._keep(key, Answer(labels, at, at))

    def note_failure(self, key: Key, at: datetime) -> None:
        """What was answered before stays, and is stale."""
        before = self._by_key.get(key) or Answer({}, None, at)
        self._keep(key, replace(before, tried_at=at, failed=True))

    def adopt(self, others: "Answers") -> None:
        """Go on with what another one knows."""
        self._by_key = OrderedDict(others._by_key)

    def _keep(self, key: Key, answer: Answer) -> None:
        self._by_key[key] = answer
        self._by_key.move_to_end(key)
        if len(self._by_key) > MOST:
            self._by_key.popitem(last=False)


@dataclass(frozen=True)
class Lookup:
    """``on`` are the places in ``url`` that an alert fills; ``fields`` are the JMESPath expressions by which the labels
    ``add`` are found in an answer."""

    name: str
    version: str
    url: str
    on: Sequence[str]
    fields: Mapping[str, str]
    ttl: timedelta
    timeout: timedelta
    answers: Answers = field(default_factory=Answers, compare=False)

    def key_of(self, subject: Subject) -> Key | None:
        """What an alert fills the places with; None where it does not, or not with what an address may hold."""
        key = tuple(subject.value(name) for name in self.on)
        fits = all(value and len(value) <= LONGEST_KEY and value.strip(".") for value in key)
        return key if fits else None

    def added_to(self, subject: Subject) -> Added:
        """What was last answered, however old it is: whether to ask first is not decided here."""
        key = self.key_of(subject)
        answer = self.answers.get(key) if key else None
        if answer is None or answer.at is None:
            return Added({})
        stale = f"{self.name} does not answer; as of {answer.at:%Y-%m-%d %H:%M} UTC" if answer.failed else ""
        return Added(answer.labels, stale)
