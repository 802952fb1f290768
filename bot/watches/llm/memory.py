"""What the watch over language models has learnt of a partition: one piece a course, saved with each change."""

from collections.abc import Callable, Iterable, Mapping

import msgspec

from bot.domain.event import LlmEvent, domain_of, fingerprint_of
from bot.domain.llm.observed import Measure, Tally
from bot.domain.rules import Rules
from bot.watches.llm.course import Course
from bot.watches.snapshots import Changes

WATCH = "llm"
OTHERS = "others"
"""The name of what comes beside ``llm.most_prompts``."""
MOST_COURSES = 5_000

_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(Course).decode


class Memory:
    """Courses by their names."""

    def __init__(self, rules: Rules, changes: Changes) -> None:
        self.courses: dict[str, Course] = {}
        self._rules = rules
        self._changes = changes
        self._named: dict[str, set[tuple[str, str]]] = {}

    def observe(self, event: LlmEvent, service: str, position: int) -> set[str]:
        """Learn from an event; the names of the courses that it was of."""
        application = _application(service, self._domain(event.labels))
        together: dict[str, tuple[Course, list[Tally]]] = {}
        for tally in event.tallies:
            if tally.measure in self._rules.llm.watch:
                found = self._course(application, event.labels, service, tally)
                if found is not None:
                    together.setdefault(found[0], (found[1], []))[1].append(tally)
        for name, (course, tallies) in together.items():
            course.labels = event.labels
            course.observe(event.at / 1000, by_version(tallies), self._rules.llm.most_versions)
            self.changed(name, position)
        return set(together)

    def changed(self, name: str, position: int) -> None:
        self._changes.add(name, position)

    def forget(self, name: str) -> None:
        course = self.courses.pop(name)
        self._named.get(name.partition(":")[0], set()).discard((course.prompt, course.of))
        self._changes.remove(name)

    def serialise(self, name: str) -> bytes | None:
        course = self.courses.get(name)
        return _encode(course) if course else None

    def restore(self, name: str, state: bytes) -> bool:
        course = _decode(state)
        if course.measure not in self._rules.llm.watch:
            return False
        self._keep(name, course)
        return True

    def _course(
        self, application: str, labels: Mapping[str, str], service: str, tally: Tally
    ) -> tuple[str, Course] | None:
        prompt, of = tally.prompt, tally.of
        named = self._named.setdefault(application, set())
        if (prompt, of) not in named and len(named) >= self._rules.llm.most_prompts:
            prompt, of = OTHERS, OTHERS if of else ""
        name = f"{application}:{fingerprint_of({'measure': tally.measure, 'prompt': prompt, 'of': of})}"
        if name not in self.courses:
            if len(self.courses) >= MOST_COURSES:
                return None
            self._keep(name, Course(dict(labels), service, Measure(tally.measure), prompt, of))
        return name, self.courses[name]

    def _keep(self, name: str, course: Course) -> None:
        self.courses[name] = course
        self._named.setdefault(name.partition(":")[0], set()).add((course.prompt, course.of))

    def _domain(self, labels: Mapping[str, str]) -> str:
        return domain_of(labels, self._rules.correlation.partition_by)


def by_version(tallies: Iterable[Tally]) -> dict[str, dict[float, int]]:
    """How often each value came, by model and version of the prompt."""
    found: dict[str, dict[float, int]] = {}
    for tally in tallies:
        counts = found.setdefault(version_name(tally.model, tally.version), {})
        for value, count in tally.counts:
            counts[value] = counts.get(value, 0) + count
    return found


def version_name(model: str, version: str) -> str:
    """A name of both; empty where neither is known.

    >>> version_name("gpt-4o", "3"), parts_of(version_name("gpt-4o", "")), version_name("", "")
    ('gpt-4o\\n3', ('gpt-4o', ''), '')
    """
    return f"{model}\n{version}" if model or version else ""


def parts_of(name: str) -> tuple[str, str]:
    model, _, version = name.partition("\n")
    return model, version


def domain_of_piece(rules: Rules, name: str, state: bytes) -> str:
    """The correlation domain of what a snapshot holds. Raises like :meth:`Memory.restore`."""
    return domain_of(_decode(state).labels, rules.correlation.partition_by)


def rekeyed(rules: Rules, _renamed: Callable[[str], str], name: str, state: bytes) -> tuple[str, bytes]:
    """The name and the state of a snapshot under other rules. Raises like :meth:`Memory.restore`."""
    course = _decode(state)
    domain = domain_of(course.labels, rules.correlation.partition_by)
    return f"{_application(course.service, domain)}:{name.partition(':')[2]}", state


def _application(service: str, domain: str) -> str:
    return fingerprint_of({"service": service, "domain": domain})


def subject_of(_name: str, state: bytes) -> str:
    """The service that a snapshot is about."""
    return _decode(state).service
