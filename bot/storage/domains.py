"""What is stored gets the names of other correlation domains: when the labels change that tell them apart.

Alerts have their labels, and so their domains; an incident is of the domain that all its alerts have in common. What
else names a domain has no labels, and goes where the values lead that the name holds.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple

import structlog
from sqlalchemy import RowMapping, Table, delete, func, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.domain.alert import named
from bot.domain.event import AlertStatus
from bot.storage.database import chunks, table_of
from bot.storage.homes import set_by_name
from bot.storage.tables.core import AlertRow, ChangeRow, IncidentKeyRow, IncidentRow, LearntEdgeRow, TraitRow
from bot.storage.tables.correlation import CompanionRow
from bot.storage.tables.models import ModelCheckRow, ModelRowsRow, ModelStandingRow
from bot.storage.tables.runs import RunRow, RunTargetRow
from bot.storage.tables.slack import ChartUploadRow, SensitivityRow
from bot.storage.tables.tools import ToolSeenRow

Rename = Callable[[str], str]
"""The new name of a domain, as far as the old one tells."""
DomainOf = Callable[[Mapping[str, str]], str]
"""The new domain of these labels."""

_ALERT, _INCIDENT, _RUN = table_of(AlertRow), table_of(IncidentRow), table_of(RunRow)
_UPLOAD, _SEEN = table_of(ChartUploadRow), table_of(ToolSeenRow)
OF_ALERTS = (_ALERT, _INCIDENT)
SIMPLE = tuple(table_of(row) for row in (ChangeRow, ModelRowsRow, ModelCheckRow))
"""Tables in which rows of several domains never become one."""
MERGED = {
    table_of(LearntEdgeRow): "last_seen",
    table_of(CompanionRow): "last_seen",
    table_of(ModelStandingRow): "at",
    table_of(SensitivityRow): "changed_at",
    table_of(RunTargetRow): "since",
}
"""Those in which they may, and by which column the one is found that stays: the newest."""
OF_INCIDENTS = {table_of(IncidentKeyRow): "last_at", table_of(TraitRow): "traits"}
"""The same, for what is of an incident and its domain."""

_PASSING = "\x1f"
"""Before the new name of an alert until all have theirs: it may be the old one of another alert."""

log = structlog.get_logger(__name__)


class _Alert(NamedTuple):
    """An alert as it was and is; ``loses`` where another one has its name from now on."""

    before: str
    after: str
    domain: str
    fingerprint: str
    loses: bool


async def rename(connection: AsyncConnection, domain_of: DomainOf, renamed: Rename) -> int:
    """Give everything that names a domain its new one; returns how many alerts have another."""
    changed = await _rename_alerts(connection, domain_of)
    await _rename_incidents(connection, renamed)
    for table in SIMPLE:
        domains = await connection.scalars(select(table.c.domain).distinct())
        await set_by_name(connection, table.c.domain, table.c.domain, {one: renamed(one) for one in domains})
    for table, newest in MERGED.items():
        await _merge(connection, table, newest, lambda row: renamed(row["domain"]))
    return changed


async def _rename_alerts(connection: AsyncConnection, domain_of: DomainOf) -> int:
    alerts = await _renamed_alerts(connection, domain_of)
    names = {one.before: _PASSING + one.after for one in alerts}  # by names that nothing has: see there
    columns = (_ALERT.c.identity, _UPLOAD.c.identity, _SEEN.c.name)
    await set_by_name(connection, _ALERT.c.domain, _ALERT.c.identity, {one.before: one.domain for one in alerts})
    for column in columns:
        await set_by_name(connection, column, column, names)
    lost = {_PASSING + one.after: one.fingerprint for one in alerts if one.loses}
    await set_by_name(connection, _ALERT.c.fingerprint, _ALERT.c.identity, lost)
    for column in columns:
        final = {column.name: func.substr(column, 1 + len(_PASSING))}
        await connection.execute(update(column.table).where(column.startswith(_PASSING)).values(final))
    await _rename_watched(connection, {one.before: one.after for one in alerts})
    if lost:
        log.warning("partitions.alerts_alike", alerts=len(lost), advice="They end now: another one has their name.")
        await _end(connection, [one.after for one in alerts if one.loses])
    return len(alerts)


async def _renamed_alerts(connection: AsyncConnection, domain_of: DomainOf) -> list[_Alert]:
    """Those whose names change. Of several that would have one name, the one that fires and came last has it."""
    columns = (_ALERT.c.identity, _ALERT.c.domain, _ALERT.c.labels, _ALERT.c.source, _ALERT.c.fingerprint)
    firing = (_ALERT.c.status == AlertStatus.FIRING.value).label("firing")
    query = select(*columns, firing).where(_ALERT.c.current).order_by(firing.desc(), _ALERT.c.received_at.desc())
    taken: set[str] = set()
    found = []
    for row in (await connection.execute(query)).mappings():
        domain, fingerprint = domain_of(row["labels"]), row["fingerprint"]
        after = named(domain, row["source"], fingerprint)
        loses = after in taken
        if loses:
            fingerprint = f"{fingerprint}~{row['identity'][:12]}"
            after = named(domain, row["source"], fingerprint)
        taken.add(after)
        if domain != row["domain"] or loses:
            found.append(_Alert(row["identity"], after, domain, fingerprint, loses))
    return found


async def end_of(connection: AsyncConnection, subjects: Iterable[tuple[str, str]]) -> int:
    """End what our own detectors say of these services and models, each in a domain: nothing is known of it any more.

    Returns how many alerts that are. To be called while they still are in these domains.
    """
    ours = (_ALERT.c.source == "tandem", _ALERT.c.current, _ALERT.c.status == AlertStatus.FIRING.value)
    columns = (_ALERT.c.identity, _ALERT.c.domain, _ALERT.c.service, _ALERT.c.labels)
    wanted = set(subjects)
    ended = [
        identity
        for identity, domain, service, labels in await connection.execute(select(*columns).where(*ours))
        if {(domain, service), (domain, labels.get("model", ""))} & wanted
    ]
    await _end(connection, ended)
    return len(ended)


async def _end(connection: AsyncConnection, identities: Iterable[str]) -> None:
    """As the end of a group does it: a tick takes it over (:func:`bot.storage.queries.alerts.pending`)."""
    for some in chunks(identities):
        mine = (_ALERT.c.identity.in_(some), _ALERT.c.current, _ALERT.c.status == AlertStatus.FIRING.value)
        ended = {"pending": AlertStatus.RESOLVED.value, "pending_since": _ALERT.c.received_at}
        await connection.execute(update(_ALERT).where(*mine).values(ended))


async def _rename_watched(connection: AsyncConnection, names: Mapping[str, str]) -> None:
    """Runs know the alerts that fired when they were approved by their names."""
    for run_id, watched in (await connection.execute(select(_RUN.c.id, _RUN.c.watched))).all():
        if any(one["identity"] in names for one in watched):
            new = [{**one, "identity": names.get(one["identity"], one["identity"])} for one in watched]
            await connection.execute(update(_RUN).where(_RUN.c.id == run_id).values(watched=new))


async def _rename_incidents(connection: AsyncConnection, renamed: Rename) -> None:
    """One whose alerts are of several domains now keeps what its old name tells: nothing more joins it."""
    mine = _ALERT.c.incident_id.is_not(None)
    of_alerts: dict[str, set[str]] = {}
    for incident, domain in await connection.execute(
        select(_ALERT.c.incident_id, _ALERT.c.domain).where(mine).distinct()
    ):
        of_alerts.setdefault(incident, set()).add(domain)
    homes = {}
    for incident, domain in (await connection.execute(select(_INCIDENT.c.id, _INCIDENT.c.domain))).all():
        known = of_alerts.get(incident, set())
        homes[incident] = next(iter(known)) if len(known) == 1 else renamed(domain)
    await set_by_name(connection, _INCIDENT.c.domain, _INCIDENT.c.id, homes)
    for table, newest in OF_INCIDENTS.items():
        await _merge(connection, table, newest, lambda row: homes.get(row["incident_id"]) or renamed(row["domain"]))


async def _merge(connection: AsyncConnection, table: Table, newest: str, home: Callable[[RowMapping], str]) -> None:
    """Rewrite the rows of a table whose domains change; of those that become one, the newest stays."""
    rows = (await connection.execute(select(table))).mappings().all()
    if all(home(row) == row["domain"] for row in rows):
        return
    key = [column.name for column in table.primary_key]
    stay: dict[tuple[Any, ...], dict[str, Any]] = {}
    for row in sorted(rows, key=lambda row: row[newest]):
        moved = {**row, "domain": home(row)}
        stay[tuple(moved[name] for name in key)] = moved
    await connection.execute(delete(table))
    values = list(stay.values())
    for start in range(0, len(values), 500):
        await connection.execute(table.insert(), values[start : start + 500])
