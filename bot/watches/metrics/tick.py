"""A tick of the metrics' watch: series that no longer come, and those to forget."""

import asyncio
from collections.abc import Sequence
from datetime import datetime

from bot.domain.event import AlertEvent, EndedBy
from bot.domain.rules import Rules
from bot.watches.metrics.group import Firing, Group
from bot.watches.metrics.memory import Memory
from bot.watches.metrics.outcome import alerts_after_batch, alerts_of_missing, resolve_all
from bot.watches.senders import has_stopped, moment_to_judge

DOMAIN = ""
"""The watch of a group without members that stands for all metrics of a domain."""


async def alerts_of_tick(memory: Memory, rules: Rules, now: datetime, position: int, behind: bool) -> list[AlertEvent]:
    """What fires or ends as time passes. ``behind``: entries wait in the inbox, so that nothing counts as missing."""
    findings: list[AlertEvent] = []
    for group in list(memory.groups.values()):
        findings += _forget_silent(memory, group, rules, now, position)
        await asyncio.sleep(0)
    for name in memory.histories.silent(now.timestamp()):
        memory.forget_history(name)
    if not behind:
        findings += await _alerts_of_missing(memory, rules, now, position)
    return findings


def _forget_silent(memory: Memory, group: Group, rules: Rules, now: datetime, position: int) -> list[AlertEvent]:
    """Forget the series that were not seen for long; one that is silent while others come is no longer off its course.

    Where none comes, nobody knows how they are: what was off stays so.
    """
    seconds = now.timestamp()
    oldest = seconds - rules.metrics.forget_after.total_seconds()
    for name in group.silent_since_before(oldest):
        memory.forget_series(name)
    lives = group.presence(seconds, memory.loaded_at)[0] > 0
    for name, member in group.members.items() if lives else ():
        if member.off and member.silent_for(seconds, memory.loaded_at) is not None:
            member.off = None
            memory.series_changed(name, position + 1, seconds)
    if not group.members:
        return [] if group.state.watch == DOMAIN else _forget(memory, group, rules, now)
    findings = alerts_after_batch(group, rules, now, EndedBy.SENDER if lives else EndedBy.SOURCE_SILENT)
    if findings:
        memory.group_changed(group, position + 1, seconds, urgent=True)
    return findings


async def _alerts_of_missing(memory: Memory, rules: Rules, now: datetime, position: int) -> list[AlertEvent]:
    """Where groups of a domain fall silent together, it is the sender that does, and that is one finding."""
    seconds = now.timestamp()
    by_domain: dict[tuple[str, ...], list[tuple[Group, int, int]]] = {}
    for group in list(memory.groups.values()):
        if group.state.watch != DOMAIN:
            live, silent = group.presence(seconds, memory.loaded_at)
            domain = tuple(group.state.labels.get(name, "") for name in rules.correlation.partition_by)
            by_domain.setdefault(domain, []).append((group, live, silent))
            await asyncio.sleep(0)
    findings: list[AlertEvent] = []
    present = set()
    for domain, groups in by_domain.items():
        labels = {name: value for name, value in zip(rules.correlation.partition_by, domain, strict=True) if value}
        whole = memory.group(DOMAIN, labels)
        present.add(whole.name)
        findings += _alerts_of_domain(memory, rules, whole, groups, now, position)
    for group in list(memory.groups.values()):
        if group.state.watch == DOMAIN and group.name not in present:
            findings += _forget(memory, group, rules, now)
    return findings


def _forget(memory: Memory, group: Group, rules: Rules, now: datetime) -> list[AlertEvent]:
    memory.forget_group(group)
    return resolve_all(group, rules, now)


def _alerts_of_domain(
    memory: Memory,
    rules: Rules,
    whole: Group,
    groups: Sequence[tuple[Group, int, int]],
    now: datetime,
    position: int,
) -> list[AlertEvent]:
    """A group is missing by itself where others still came when it was overdue: judged at the last that came at all."""
    seconds = now.timestamp()
    known = [(group, live, silent) for group, live, silent in groups if live or silent]
    last = max((group.last_seen for group, _, _ in known), default=seconds)
    since = max(memory.loaded_at, whole.state.counted_at)
    stopped = [(group, silent) for group, live, silent in known if silent and not live]
    was_late = since < last and any(group.presence(last, since)[1] for group, _ in stopped)
    none_comes = has_stopped(len(stopped), len(known), was_late)
    before = whole.state.missing
    reported = sum(silent for _, silent in stopped)
    whole.state.missing = (before or Firing(seconds, reported=reported)) if none_comes else None
    whole.senders = sorted(memory.senders)
    findings = _changed(memory, rules, whole, before, now, position)
    if none_comes:
        whole.state.counted_at = seconds
        return findings
    moment = moment_to_judge(len(known), last, seconds)
    for group, _, _ in known:
        before = group.state.missing
        live, silent = group.presence(moment, since)
        group.count(live, silent, seconds)
        findings += _changed(memory, rules, group, before, now, position)
    return findings


def _changed(
    memory: Memory, rules: Rules, group: Group, before: Firing | None, now: datetime, position: int
) -> list[AlertEvent]:
    findings = alerts_of_missing(group, before, rules, now)
    if findings:
        memory.group_changed(group, position + 1, now.timestamp(), urgent=True)
    return findings
