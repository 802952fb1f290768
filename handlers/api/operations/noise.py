"""Which alerts called people for nothing, and what would spare them."""

import asyncio
from collections.abc import Sequence
from datetime import timedelta
from typing import Annotated

import msgspec
from msgspec import Meta

from bot.config.patches import Patch
from bot.domain.access.scope import Scope
from bot.domain.noise import Noise
from bot.incidents.noise import noise_since
from handlers.api.operation import Answer, Call, NoBody, operation

_MOST_PATCHES = 20


class NoiseQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    days: Annotated[int, Meta(ge=1, le=366)] = 30
    limit: Annotated[int, Meta(ge=1, le=500)] = 50


class ProposalShape(msgspec.Struct, frozen=True):
    """``patch`` is a unified diff of ``file``, null where no file is known that holds the setting; ``how`` says then
    what to change. ``saved`` of ``of`` messages, as replayed over what is kept, or by definition where not."""

    setting: str
    text: str
    saved: int
    of: int
    hidden: Annotated[int, Meta(description="Messages that somebody acted upon and that would not have been.")]
    replayed: bool
    more: Annotated[float | None, Meta(description="Seconds by which the rule waits longer.")]
    file: str | None
    patch: str | None
    how: str


class NoiseShape(msgspec.Struct, frozen=True):
    """Alerts of one name at one service, or of one group of a watch. ``woke`` counts the incidents that they opened."""

    name: str
    service: str
    group: str | None
    episodes: int
    woke: int
    led_on: Annotated[int, Meta(description="Episodes that somebody acknowledged, or approved a run for.")]
    dismissed: Annotated[int, Meta(description="Episodes whose incident was resolved by hand within a minute.")]
    silenced: Annotated[int, Meta(description="Silences that were made while they fired.")]
    not_useful: int
    flaps: int
    half_lasted: Annotated[float, Meta(description="Seconds: half of the episodes were as long or shorter.")]
    proposal: ProposalShape | None


class NoisePage(msgspec.Struct, frozen=True):
    noise: list[NoiseShape]


@operation(
    "GET",
    "/api/noise",
    Scope.INCIDENTS_READ,
    summary="Which alerts called people for nothing, by what people did, and the settings that would spare them",
    query=NoiseQuery,
    answer=NoisePage,
)
async def get_noise(call: Call[NoiseQuery, NoBody]) -> Answer:
    """Nothing is hidden by it, and nothing is changed."""
    since = call.now - timedelta(days=call.query.days)
    found = await noise_since(call.database, since, call.now, call.caller.domains)
    shown = found[: call.query.limit]
    patches = await asyncio.to_thread(_patches, call, shown)
    return Answer(NoisePage([_shape(one, patches.get(place)) for place, one in enumerate(shown)]))


def _patches(call: Call[NoiseQuery, NoBody], shown: Sequence[Noise]) -> dict[int, Patch]:
    proposed = [place for place, one in enumerate(shown) if one.proposal][:_MOST_PATCHES]
    found = {place: call.backend.patches.of(shown[place]) for place in proposed}
    return {place: patch for place, patch in found.items() if patch}


def _shape(one: Noise, patch: Patch | None) -> NoiseShape:
    return NoiseShape(
        one.name,
        one.service,
        one.group.group if one.group else None,
        one.episodes,
        one.woke,
        one.led_on,
        one.dismissed,
        one.silenced,
        one.not_useful,
        one.flaps,
        one.length.total_seconds(),
        _proposal(one, patch),
    )


def _proposal(one: Noise, patch: Patch | None) -> ProposalShape | None:
    proposal = one.proposal
    if proposal is None:
        return None
    return ProposalShape(
        proposal.setting.value,
        proposal.text,
        proposal.saved,
        proposal.of,
        proposal.hidden,
        proposal.replayed,
        proposal.more.total_seconds() or None,
        patch.file or None if patch else None,
        patch.diff or None if patch else None,
        patch.how if patch else "",
    )
