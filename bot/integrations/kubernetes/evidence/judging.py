"""What the states of pods, their events and nodes come to, in sentences and as symptoms. No I/O."""

from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta

from bot.domain.cause import Observed
from bot.integrations.kubernetes.evidence.states import ClusterEvent, Condition, Node, Pod, Terminated

LATELY = timedelta(hours=1)
"""What ended longer before the incident says nothing of it."""
_MOST_EVENTS = 3
_LONGEST = 300
_PRESSURES = ("MemoryPressure", "DiskPressure", "PIDPressure")
_UNABLE = ("ImagePullBackOff", "ErrImagePull", "InvalidImageName", "CreateContainerConfigError", "CreateContainerError")
_SAID_ALREADY = {"BackOff", "Failed", "FailedScheduling", "Evicted"}
"""Reasons of events that the pods themselves say."""


def of_pods(service: str, pods: Sequence[Pod], opened_at: datetime, now: datetime) -> Iterator[Observed]:
    """The gravest first."""
    yield from _out_of_memory(service, pods, opened_at)
    yield from _evicted(service, pods, now)
    yield from _crashing(service, pods, opened_at, now)
    yield from _unable_to_start(service, pods, now)
    yield from _pending(service, pods, now)
    unready = [pod for pod in pods if pod.status.phase == "Running" and not pod.ready]
    if unready:
        yield Observed(service, f"{len(unready)} of {len(pods)} pods are not ready", now)


def _out_of_memory(service: str, pods: Sequence[Pod], opened_at: datetime) -> Iterator[Observed]:
    killed = [
        (pod, status, status.ended)
        for pod in pods
        for status in pod.containers
        if status.ended and status.ended.reason == "OOMKilled" and _is_recent(status.ended, opened_at)
    ]
    if not killed:
        return
    pod, status, _ = killed[0]
    moments = [_utc(ended.finished_at) for _, _, ended in killed if ended.finished_at]
    limit = pod.limit_of(status.name)
    at_limit = f" (limit {limit})" if limit else ""
    restarts = sum(one.restart_count for _, one, _ in killed)
    count = len({one.metadata.name for one, _, _ in killed})
    last = f", last at {max(moments):%H:%M:%S} UTC" if moments else ""
    text = f"{count} of {len(pods)} pods ran out of memory{at_limit} and were killed{last}; {restarts} restarts"
    yield Observed(service, text, min(moments, default=opened_at), "OOMKilled")


def _evicted(service: str, pods: Sequence[Pod], now: datetime) -> Iterator[Observed]:
    gone = [pod for pod in pods if pod.status.reason == "Evicted"]
    if gone:
        why = _one_line(gone[0].status.message)
        short = "memory" if "memory" in why else "disk" if "storage" in why or "disk" in why else "resources"
        text = f"{len(gone)} of {len(pods)} pods were evicted: {why}"
        yield Observed(service, text, now, f"Evicted, short of {short}")


def _crashing(service: str, pods: Sequence[Pod], opened_at: datetime, now: datetime) -> Iterator[Observed]:
    found = [
        (pod, status)
        for pod in pods
        for status in pod.containers
        if status.state.waiting and status.state.waiting.reason == "CrashLoopBackOff"
    ]
    if not found:
        return
    status = max((status for _, status in found), key=lambda one: one.restart_count)
    ended = status.last_state.terminated
    if ended and ended.reason == "OOMKilled" and _is_recent(ended, opened_at):
        return  # said already, and why
    how = f", last with exit code {ended.exit_code}" if ended else ""
    count = len({pod.metadata.name for pod, _ in found})
    restarts = f"{status.name} was restarted {status.restart_count} times"
    text = f"{count} of {len(pods)} pods crash again and again{how}; {restarts}"
    yield Observed(service, text, now, "CrashLoopBackOff")


def _unable_to_start(service: str, pods: Sequence[Pod], now: datetime) -> Iterator[Observed]:
    found = [
        (pod, status.state.waiting)
        for pod in pods
        for status in pod.containers
        if status.state.waiting and status.state.waiting.reason in _UNABLE
    ]
    if found:
        _, waiting = found[0]
        count = len({pod.metadata.name for pod, _ in found})
        why = f": {_one_line(waiting.message)}" if waiting.message else ""
        yield Observed(service, f"{count} of {len(pods)} pods cannot start, {waiting.reason}{why}", now, waiting.reason)


def _pending(service: str, pods: Sequence[Pod], now: datetime) -> Iterator[Observed]:
    waiting = [(pod, one) for pod in pods if pod.status.phase == "Pending" for one in _unscheduled(pod)]
    if waiting:
        _, condition = waiting[0]
        since = min((_utc(one.last_transition_time) for _, one in waiting if one.last_transition_time), default=now)
        short = [what for what in ("cpu", "memory", "ephemeral-storage") if f"Insufficient {what}" in condition.message]
        name = f"Pending, insufficient {' and '.join(short)}" if short else "Pending"
        text = f"{len(waiting)} of {len(pods)} pods find no node: {_one_line(condition.message)}"
        yield Observed(service, text, since, name)


def _unscheduled(pod: Pod) -> Iterator[Condition]:
    for one in pod.status.conditions or []:
        if one.type == "PodScheduled" and one.status == "False":
            yield one


def of_events(service: str, events: Sequence[ClusterEvent], opened_at: datetime, now: datetime) -> Iterator[Observed]:
    """The most frequent warnings of late that the pods do not say themselves."""
    counts, last = Counter[str](), dict[str, ClusterEvent]()
    for event in events:
        at = event.at
        if event.type == "Warning" and event.reason not in _SAID_ALREADY and at and _utc(at) >= opened_at - LATELY:
            counts[event.reason] += event.count or 1
            last[event.reason] = event
    for reason, count in counts.most_common(_MOST_EVENTS):
        event = last[reason]
        about = f"{event.involved_object.kind.lower()} {event.involved_object.name}"
        yield Observed(service, f"{reason} × {count}, last of {about}: {_one_line(event.message)}", now)


def of_node(service: str, node: Node, now: datetime) -> Iterator[Observed]:
    """A node under pressure, or one that is not ready: a symptom of the node itself."""
    name = node.metadata.name
    for one in node.status.conditions or []:
        since = _utc(one.last_transition_time) if one.last_transition_time else now
        why = f": {_one_line(one.message)}" if one.message else ""
        if one.type in _PRESSURES and one.status == "True":
            yield Observed(name, f"node {name} is under {one.type}{why}", since, one.type, service)
        elif one.type == "Ready" and one.status != "True":
            yield Observed(name, f"node {name} is not ready{why}", since, "NodeNotReady", service)


def worst(pods: Sequence[Pod]) -> tuple[Pod, str, bool] | None:
    """The pod whose log tells most, its container, and whether that of the container before is meant."""
    if not pods:
        return None
    pod = max(pods, key=lambda one: (not one.ready, one.restarts, one.metadata.name))
    statuses = pod.status.container_statuses or []
    if not statuses:
        return None
    status = max(statuses, key=lambda one: (not one.ready, one.restart_count))
    return pod, status.name, status.restart_count > 0 and not status.ready


def _is_recent(ended: Terminated, opened_at: datetime) -> bool:
    return ended.finished_at is None or _utc(ended.finished_at) >= opened_at - LATELY


def _utc(moment: datetime) -> datetime:
    return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)


def _one_line(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= _LONGEST else f"{line[:_LONGEST]}…"
