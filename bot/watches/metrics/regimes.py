"""Changes as known changes of regime: why a group is off its course, and from when on that is usual.

What begins just after a deploy alerts as anything does, for the deploy is the suspect, and the alert names it. Where
the level then holds, it is learnt as usual after hours and not after a day, with all that was learnt of the old one.
"""

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from sqlalchemy.ext.asyncio import AsyncConnection

from bot.domain.change import Change, domains_that_count
from bot.domain.event import ChangeKind, domain_of
from bot.domain.rules import Rules
from bot.storage.queries import changes
from bot.watches.metrics.group import INSTANCE_LABELS, REPORTED_WITHIN, Group, Reason
from bot.watches.metrics.memory import Memory
from detectors.topology import Topology

_CLOCKS = timedelta(minutes=2)
"""A change's sender and a metric's may be so far apart."""
_AT_ONCE = 100


class _Sought(NamedTuple):
    """The changes that may be the reason of a group's alert."""

    group: Group
    service: str
    domains: list[str]
    since: datetime
    until: datetime

    def fits(self, change: Change) -> bool:
        known = change.service == self.service and change.domain in self.domains
        return known and self.since <= change.at <= self.until and change.change is not ChangeKind.DATA


async def note_reasons(
    connection: AsyncConnection, groups: Iterable[Group], rules: Rules, now: datetime
) -> list[Group]:
    """Look for the changes since which groups are off their course; those groups of which one was found now."""
    sought, found = list(_sought(groups, rules, now)), []
    for first in range(0, len(sought), _AT_ONCE):
        some = sought[first : first + _AT_ONCE]
        domains, services = {name for one in some for name in one.domains}, {one.service for one in some}
        earliest, latest = min(one.since for one in some), max(one.until for one in some)
        known = await changes.between(connection, domains, services, earliest, latest)
        for one in some:
            change, firing = next(filter(one.fits, known), None), one.group.state.off_course
            if change is not None and firing is not None:
                firing.reason = Reason(_in_words(change), change.at.timestamp())
                found.append(one.group)
    return found


def _sought(groups: Iterable[Group], rules: Rules, now: datetime) -> Iterator[_Sought]:
    described, partition_by = Topology(rules.depends_on).described, rules.correlation.partition_by
    for group in groups:
        firing = group.state.off_course
        if firing is None or firing.reason is not None:
            continue
        if not firing.may_have_reason(now.timestamp()):
            for member in group.members.values():
                member.drop_before()
            continue
        service = _service_of(group, rules, described)
        if service:
            domains = domains_that_count(domain_of(group.state.labels, partition_by), partition_by)
            began = datetime.fromtimestamp(firing.since, UTC)
            yield _Sought(group, service, domains, began - timedelta(seconds=REPORTED_WITHIN), began + _CLOCKS)


def _service_of(group: Group, rules: Rules, described: frozenset[str]) -> str:
    """As its alert's: by the group's labels and those that all its members that are off share."""
    members = list(group.off().values())
    shared = {
        name: value
        for name, value in (members[0].labels.items() if members else ())
        if name not in INSTANCE_LABELS and all(one.labels.get(name) == value for one in members[1:])
    }
    return rules.correlation.about({**shared, **group.state.labels}, described).service


def _in_words(change: Change) -> str:
    return " ".join(filter(None, ("the", change.change.value, change.version, "of", change.service)))


def settle(memory: Memory, group: Group, rules: Rules, position: int, now: datetime) -> None:
    """Learn what has held since a change; written at once, so no process begins with the old."""
    watch = rules.metrics.watch.get(group.state.watch)
    if watch is None or group.state.off_course is None:
        return
    calendar = memory.calendars.get(group.state.watch)
    for name in group.settle(watch.settle.total_seconds(), calendar.clock if calendar else float):
        memory.series_changed(name, position, now.timestamp(), urgent=True)
