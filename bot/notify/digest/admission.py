"""Puts new incidents into the digest of a channel where they are too many at once, each with its rank."""

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta

import msgspec
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.domain.incident import Incident
from bot.notify.digest.pace import AT_ONCE, Pace
from bot.notify.digest.ranking import Evidence, rank_of, severity_rank_in, standing_of
from bot.notify.outlet import Outlet
from bot.storage.collisions import begun_anew
from bot.storage.queries import incidents
from bot.storage.queries.shown import channel_messages, digests
from bot.storage.queries.shown.channel_messages import ChannelMessage
from bot.storage.queries.shown.digests import Digest

_A_TURN = 300
_BEFORE = timedelta(minutes=10)
"""What began so shortly before a flood attests nothing in it: it may be its beginning."""


class Admission:
    """``described`` are the names in the topology of the configuration."""

    def __init__(self, outlet: Outlet, pace: Pace, described: Collection[str]) -> None:
        self._outlet, self._pace, self._described = outlet, pace, described
        self._seen_since: datetime | None = None
        self._seen: set[tuple[str, str]] = set()

    async def admit(self, key: str) -> bool:
        """Rank what is new or has changed in the digest; whether there is a flood. Raises StorageUnavailable."""
        while True:
            async with self._outlet.database.read() as connection:
                digest = await digests.of_channel(connection, key)
                names = self._outlet.names
                fresh = await digests.unposted(connection, key, digest is not None, _A_TURN, names)
            if digest is None and len(fresh) <= AT_ONCE and (self._pace.room or not fresh):
                return False
            digest = await self._admit(key, digest, fresh)
            if digest is None or len(fresh) < _A_TURN:
                return digest is not None

    async def _admit(self, key: str, digest: Digest | None, fresh: Sequence[str]) -> Digest | None:
        if not fresh:
            return digest
        async with self._outlet.database.read() as connection:
            known = await incidents.by_ids(connection, fresh)
            messages = await channel_messages.of_incidents(connection, fresh, key)
            places = await self._outlet.places(connection, known.values())
        elsewhere = {id_ for id_, of_incident in places.items() if not self._outlet.leads_here(of_incident)}
        coming = [one for one in known.values() if one.id not in elsewhere]
        flood = digest is not None or len(coming) > AT_ONCE or bool(coming and not self._pace.room)
        changed = [
            msgspec.structs.replace(messages[id_], shown_version=known[id_].version, digest_rank=None)
            for id_ in elsewhere
        ]
        if not flood:
            await self._save(changed, None)
            return None
        if digest is None:
            digest = Digest(channel=key, since=min(one.learnt_at for one in coming))
            self._pace.flood_began()
        ranked = await self._ranked(digest, coming, messages)
        new = [one for one in coming if messages[one.id].digest_rank is None]
        self._pace.new_came(sum(one.open for one in new))
        over = sum(not one.open for one in coming)
        digest = msgspec.structs.replace(digest, total=digest.total + len(new), resolved=digest.resolved + over)
        await self._save([*changed, *ranked], digest)
        return digest

    async def _ranked(
        self, digest: Digest, coming: Sequence[Incident], messages: dict[str, ChannelMessage]
    ) -> list[ChannelMessage]:
        """Those that are over leave the digest, and are shown nowhere."""
        async with self._outlet.database.read() as connection:
            support = await digests.support_of(connection, [one.id for one in coming if one.open])
            services = await self._known_services(connection, digest, coming)
        ranked: list[ChannelMessage] = []
        for incident in coming:
            message = msgspec.structs.replace(
                messages[incident.id], shown_version=incident.version, digest_rank=None, digest_standing=0
            )
            if incident.open:
                evidence = Evidence(
                    severity=incident.severity,
                    known=any((incident.domain, service) in services for service in incident.services),
                    acknowledged=incident.acknowledged_by is not None,
                    seen_before=any(past.opened_at < digest.since - _BEFORE for past in incident.past),
                    risen=_risen(incident, messages[incident.id].digest_rank),
                    **msgspec.structs.asdict(support[incident.id]),
                )
                message = msgspec.structs.replace(
                    message, digest_rank=rank_of(evidence), digest_standing=standing_of(evidence)
                )
            ranked.append(message)
        return ranked

    async def _known_services(
        self, connection: AsyncConnection, digest: Digest, coming: Sequence[Incident]
    ) -> set[tuple[str, str]]:
        """Domain and name of what is known otherwise than by the alerts of this flood."""
        if self._seen_since != digest.since:
            self._seen = await digests.services_before(connection, digest.since - _BEFORE)
            self._seen_since = digest.since
        pairs = {(one.domain, service) for one in coming for service in one.services}
        described = {(domain, service) for domain, service in pairs if service in self._described}
        return self._seen | described | await digests.learnt(connection, pairs)

    @begun_anew
    async def _save(self, messages: Sequence[ChannelMessage], digest: Digest | None) -> None:
        async with self._outlet.database.write() as connection:
            await channel_messages.save_all(connection, messages)
            if digest is not None:
                await digests.save(connection, digest)


def _risen(incident: Incident, rank: int | None) -> bool:
    return rank is not None and incident.severity.rank < severity_rank_in(rank)
