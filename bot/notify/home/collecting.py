"""What is on a person's page now: decided from what is open, whose it is, and who may approve what waits."""

from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import NamedTuple

from sqlalchemy.ext.asyncio import AsyncConnection

from bot.domain.access.person import Person, groups_in
from bot.domain.access.team import Teams
from bot.domain.incident import Incident
from bot.domain.run import Run, RunStatus
from bot.notify.home.home_card import Counts, HomeCard, HomeIncident, HomeOffer, OnCallLine
from bot.notify.incident_card import card_of
from bot.notify.run_card import STANDS_OUT, run_card
from bot.notify.view import IncidentView, load_view
from bot.storage.database import Database
from bot.storage.queries import incidents, runs
from bot.storage.queries.shown import channel_messages

PER_PAGE = 6
"""So that a page of runs, in full, stays within what Slack takes of a view."""
MOST_OPEN = 1000
"""Of more open incidents the worst are shown."""

Look = Callable[[str, Collection[str]], Awaitable[Person | None]]
"""Somebody with which of these groups they are in; None while Slack has not said yet who the bot is."""
OnCall = Callable[[], Awaitable[Sequence[OnCallLine]]]
Addresses = Callable[[Mapping[str, tuple[str, str]]], Awaitable[dict[str, str]]]


@dataclass(frozen=True)
class Known:
    """What is asked for a page beside the database."""

    teams: Teams
    look: Look
    on_call: OnCall
    addresses: Addresses


@dataclass
class Moment:
    """What is open at one moment, read once for all pages that are made of it."""

    now: datetime
    opened: list[Incident]
    offered: list[tuple[Run, Incident]]
    on_call: tuple[OnCallLine, ...]
    views: dict[str, IncidentView | None] = field(default_factory=dict)


class Entry(NamedTuple):
    """A line of the whole page: an incident, or a run of it that waits."""

    incident: Incident
    own: bool
    run: Run | None = None


async def read_moment(database: Database, known: Known, now: datetime) -> Moment:
    async with database.read() as connection:
        opened = await incidents.open_worst_first(connection, MOST_OPEN)
        proposed = [run for run in await runs.with_status(connection, [RunStatus.PROPOSED]) if now < run.expires_at]
        about = await incidents.by_ids(connection, [run.incident_id for run in proposed])
    offered = [(run, about[run.incident_id]) for run in proposed if run.incident_id in about]
    return Moment(now, opened, [one for one in offered if one[1].open], tuple(await known.on_call()))


async def collect(database: Database, known: Known, moment: Moment, user: str, page: int) -> HomeCard | None:
    """A person's page; None while it is not known who is a member."""
    members = {name: team.members for name, team in known.teams.by_name.items()}
    named = [one for names in members.values() for one in names]
    approvers = [one for run, _ in moment.offered for one in run.approvers]
    person = await known.look(user, groups_in([*named, *approvers]))
    if person is None:
        return None
    if not person.member or person.doubt:
        return HomeCard(stranger=True, notes=tuple(filter(None, [person.doubt])))
    mine = [name for name, names in members.items() if person.is_one_of(names)]
    entries = _entries(moment, known.teams, person, mine)
    pages = max(1, -(-len(entries) // PER_PAGE))
    page = min(max(page, 1), pages)
    shown = entries[(page - 1) * PER_PAGE : page * PER_PAGE]
    counts = Counts(
        sum(one.run is not None for one in entries),
        sum(one.run is None and one.own for one in entries),
        sum(one.run is None and not one.own for one in entries),
    )
    notes = tuple(filter(None, [person.why_unknown([*named, *approvers])]))
    card = HomeCard(page=page, pages=pages, counts=counts, teams=tuple(mine), on_call=moment.on_call, notes=notes)
    return await _filled(database, known, moment, card, shown)


def _entries(moment: Moment, teams: Teams, person: Person, mine: Collection[str]) -> list[Entry]:
    waiting = [Entry(incident, False, run) for run, incident in moment.offered if _waits_for(person, run)]
    own = [Entry(one, True) for one in moment.opened if one.looked_after_by == person.id]
    others = [
        Entry(one, False)
        for one in moment.opened
        if one.looked_after_by != person.id
        and (not mine or not set(mine).isdisjoint(teams.of_incident(one.team, one.services)))
    ]
    return [*waiting, *own, *others]


def _waits_for(person: Person, run: Run) -> bool:
    """Whether a click of theirs could approve it, as far as that depends on who they are."""
    broke_glass = run.glass is not None and run.glass.user == person.id
    return person.is_one_of(run.approvers) and person.id not in run.approvals and not broke_glass


async def _filled(
    database: Database, known: Known, moment: Moment, card: HomeCard, entries: Sequence[Entry]
) -> HomeCard:
    """The page with what these entries show."""
    ids = sorted({one.incident.id for one in entries})
    async with database.read() as connection:
        for incident_id in ids:
            await _load(connection, moment, incident_id)
        places = await channel_messages.places_of(connection, ids)
    urls = await known.addresses(places) if places else {}
    offers: list[HomeOffer] = []
    own: list[HomeIncident] = []
    others: list[HomeIncident] = []
    for one in entries:
        view, url = moment.views[one.incident.id], urls.get(one.incident.id, "")
        if view is None:
            continue
        if one.run is not None:
            style = STANDS_OUT if not offers else None
            offers.append(HomeOffer(run_card(one.run, view, style), one.incident.number, one.incident.title, url))
        else:
            (own if one.own else others).append(HomeIncident(card_of(view), url))
    return replace(card, offers=tuple(offers), own=tuple(own), others=tuple(others))


async def _load(connection: AsyncConnection, moment: Moment, incident_id: str) -> None:
    if incident_id not in moment.views:
        moment.views[incident_id] = await load_view(connection, incident_id, moment.now)
