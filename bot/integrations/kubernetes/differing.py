"""Changes: what differs between two states of an object that might have caused trouble."""

import hashlib
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta

from msgspec.json import encode

from bot.domain.event import ChangeEvent, ChangeKind
from bot.integrations.kubernetes.seen import Pairs, Seen

SOURCE = "kubernetes"
_MOST_IMAGES = 3
_LONGEST = 300
_AHEAD = timedelta(minutes=1)
_BEHIND = timedelta(days=1)
_Difference = tuple[ChangeKind, str]


def change_between(
    before: Seen | None, after: Seen | None, labels: Mapping[str, str], now: datetime
) -> ChangeEvent | None:
    """The change from one state to the next, either of which may be nothing; None where nothing of note differs."""
    one = after or before
    if one is None:
        return None
    found = list(_differences(before, after))
    if not found:
        return None
    kind = found[0][0]
    text = f"{one.name}: {'; '.join(what for _, what in found)}"[:_LONGEST]
    return ChangeEvent(
        source=SOURCE,
        id=f"{one.kind}/{one.namespace}/{one.name}/{one.uid}/{_state_of(before, after)}",
        service=one.name if one.kind == "node" else one.service,
        change=kind,
        title=f"{text} (by Tandem)" if after and before and after.run != before.run else text,
        at=_moment(after, now),
        labels={**labels, **({"namespace": one.namespace} if one.namespace else {})},
        actor=after.by if after else "",
        version=_version(after.images) if after and kind is ChangeKind.DEPLOY else "",
    )


def _differences(before: Seen | None, after: Seen | None) -> Iterator[_Difference]:
    """Those that weigh most first."""
    if before is None or after is None:
        yield from _come_or_gone(before, after)
        return
    if before.images != after.images:
        yield ChangeKind.DEPLOY, _images(dict(before.images), dict(after.images))
    if before.restarted != after.restarted and after.restarted:
        yield ChangeKind.CONFIG, "restarted"
    if before.template != after.template:
        yield ChangeKind.CONFIG, "environment, arguments, resources or volumes of its pods changed"
    if before.cordoned != after.cordoned:
        yield ChangeKind.CONFIG, "cordoned" if after.cordoned else "uncordoned"
    if before.replicas != after.replicas and after.replicas is not None:
        yield ChangeKind.SCALING, f"{_number(before.replicas)} → {after.replicas} replicas"
    if before.bounds != after.bounds:
        yield ChangeKind.SCALING, f"autoscaler's bounds {_span(before.bounds)} → {_span(after.bounds)} replicas"
    if before.selector != after.selector or before.others != after.others:
        yield ChangeKind.CONFIG, "leads elsewhere than before"


def _come_or_gone(before: Seen | None, after: Seen | None) -> Iterator[_Difference]:
    here = after or before
    assert here is not None
    if here.images:
        images = ", ".join(image for _, image in here.images[:_MOST_IMAGES])
        yield ChangeKind.DEPLOY, f"{here.kind} {'created' if after else 'deleted'} ({images})"
    elif here.kind == "node":
        yield ChangeKind.SCALING, "node joined" if after else "node left"
    elif not after:
        yield ChangeKind.CONFIG, f"{here.kind} deleted"


def _images(before: Mapping[str, str], after: Mapping[str, str]) -> str:
    changed = [
        f"{before.get(name) or 'nothing'} → {after.get(name) or 'nothing'}"
        for name in dict.fromkeys([*after, *before])
        if before.get(name) != after.get(name)
    ]
    more = f" and {len(changed) - _MOST_IMAGES} more" if len(changed) > _MOST_IMAGES else ""
    return f"image {', '.join(changed[:_MOST_IMAGES])}{more}"


def _version(images: Pairs) -> str:
    """The tag or the digest of the first image.

    >>> _version((("app", "registry.example:5000/shop/checkout:1.4.2"),))
    '1.4.2'
    """
    name = images[0][1].rpartition("/")[2] if images else ""
    return (name.partition("@")[2] or name.partition(":")[2])[:100]


def _state_of(before: Seen | None, after: Seen | None) -> str:
    """A name for the state after: told again of the same one, it is the same change."""
    if after is None:
        return "deleted"
    if before is None:
        return "created"
    return str(after.generation) if after.generation else hashlib.blake2b(encode(after), digest_size=6).hexdigest()


def _moment(after: Seen | None, now: datetime) -> datetime:
    at = after.at if after else None
    return at if at and now - _BEHIND <= at <= now + _AHEAD else now


def _number(count: int | None) -> str:
    return "?" if count is None else str(count)


def _span(bounds: tuple[int, int]) -> str:
    return f"{bounds[0]}–{bounds[1]}"
