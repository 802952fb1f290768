"""The one way in which alerts leave an incident for another: merged, moved by late evidence, or split off by hand.

With the alerts go the keys by which later ones find their incident, and the tokens of what leaves entirely; the
timelines of both incidents name the other one. An incident in which a run is under way loses nothing: the run's
verification watches its alerts (:func:`bot.incidents.offers.under_way`).
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import NamedTuple

from sqlalchemy.ext.asyncio import AsyncConnection

from bot.domain.alert import Alert
from bot.domain.incident import Incident
from bot.domain.review.investigation import MOST_FINDINGS
from bot.storage.queries import alerts, incident_tokens, incidents
from bot.storage.queries.records import investigations
from detectors.correlation import tokens_of


class Part(NamedTuple):
    """Some of an incident's alerts, and the services whose keys lead away with them.

    Without ``alerts``, they are all alerts of these services.
    """

    services: Collection[str]
    alerts: Sequence[Alert] | None = None


async def rehome(connection: AsyncConnection, left: Incident, joined: Incident, part: Part | None = None) -> None:
    """Give a part of an incident's alerts to another incident; without a part, all it has."""
    if part is None:
        await alerts.move(connection, left.id, joined.id)
        await incidents.move_keys(connection, left.id, joined.id)
        await investigations.join(connection, left.id, joined.id, joined.partition, MOST_FINDINGS)
        tokens: Iterable[int] = (await incident_tokens.of_incidents(connection, [left.id])).get(left.id, ())
        await incident_tokens.add(connection, {joined.id: tokens})
        return
    if part.alerts is None:
        await alerts.move(connection, left.id, joined.id, part.services)
    else:
        await alerts.move_some(connection, joined.id, part.alerts)
        await incident_tokens.add(connection, {joined.id: _tokens_in(part.alerts)})
    await incidents.move_keys(connection, left.id, joined.id, part.services)


def _tokens_in(leaving: Iterable[Alert]) -> set[int]:
    return {token for alert in leaving for token in tokens_of(alert.service, alert.labels, alert.annotations.values())}


Lines = Mapping[str, str]
"""For each of two incidents, by id, the line that its timeline gets."""


def lines_of_merge(gone: Incident, kept: Incident, why: str = "") -> Lines:
    return {
        gone.id: f"Became part of incident #{kept.number}{why}",
        kept.id: f"Took in incident #{gone.number}{why}",
    }


def lines_of_move(left: Incident, joined: Incident, services: Iterable[str]) -> Lines:
    named = ", ".join(dict.fromkeys(services))
    return {
        left.id: f"Alerts of {named} are part of incident #{joined.number} now: see there",
        joined.id: f"Took over the alerts of {named} from incident #{left.number}",
    }


def lines_of_split(old: Incident, new: Incident) -> Lines:
    return {old.id: f"Incident #{new.number} was split off", new.id: f"Split off incident #{old.number}"}
