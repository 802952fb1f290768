"""Which guards forbid a run now: the one place that an offer, a click and the start of a run ask."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncConnection

from bot.domain.access.team import Teams
from bot.domain.alert import Alert
from bot.domain.guards.freeze import Facts, FreezeWindow, GuardRules
from bot.domain.guards.hold import MOST_NAMED, BlastRadius, Hold
from bot.domain.guards.limits import HOUR, Limits, Usage, held_by_limits
from bot.domain.incident import Incident
from bot.domain.rules import Rules
from bot.domain.run import Plan
from bot.domain.runbook import Runbook
from bot.domain.runs.drill import real_domain
from bot.storage.queries import alerts, counts, learnt_edges, runs
from detectors.topology import Topology

MOST_ALERTS = 1000


@dataclass(frozen=True)
class Guards:
    """The guards of tandem.yaml, and what they are decided by: teams, the topology, which services are critical."""

    rules: GuardRules = field(default_factory=GuardRules)
    teams: Teams = field(default_factory=lambda: Teams({}))
    topology: Topology = field(default_factory=lambda: Topology({}))
    critical: frozenset[str] = frozenset()

    def watch(self, runbook: Runbook) -> bool:
        """Whether anything but the number of runs on one service guards this runbook."""
        return bool(self.rules.freeze) or runbook.limits is not None


def guards_of(rules: Rules) -> Guards:
    """For parts that keep them; the pipeline has a topology of its own."""
    return Guards(rules.guards, rules.teams, Topology(rules.depends_on), rules.critical)


@dataclass(frozen=True)
class Subject:
    """What is guarded: a plan of a runbook, for an incident. ``run_id`` is empty before there is a run."""

    incident: Incident
    runbook: Runbook
    plan: Plan
    run_id: str = ""


async def held_by(connection: AsyncConnection, guards: Guards, subject: Subject, now: datetime) -> list[Hold]:
    """Every guard that forbids it at this moment, freeze windows first."""
    if not guards.watch(subject.runbook):
        return []
    frozen = await frozen_by(connection, guards, subject, now, guards.rules.freeze)
    limits = subject.runbook.limits
    return frozen + (await _limited_by(connection, guards, subject, limits, now) if limits else [])


async def frozen_by(
    connection: AsyncConnection, guards: Guards, subject: Subject, now: datetime, windows: Sequence[FreezeWindow]
) -> list[Hold]:
    """The freeze windows among these that are open for it."""
    around = [window for window in windows if window.open_at(now)]
    if not around:
        return []
    firing = await alerts.active_of(connection, subject.incident.id, MOST_ALERTS)
    facts = [*_facts(guards, subject, firing)]
    return [hold for window in around if (hold := window.hold_at(now, facts))]


async def _limited_by(
    connection: AsyncConnection, guards: Guards, subject: Subject, limits: Limits, now: datetime
) -> list[Hold]:
    domain, plan = real_domain(subject.incident.domain), subject.plan
    last_end, starts, opened, dependants = None, list[datetime](), 0, 0
    if limits.cooldown:
        last_end = await runs.last_end(connection, domain, plan.runbook, plan.targets, now - limits.cooldown)
    if limits.per_hour:
        starts = await runs.starts_since(connection, plan.runbook, now - HOUR, subject.run_id)
    if limits.most_open_incidents:
        opened = await counts.open_in(connection, domain)
    if limits.most_dependants is not None:
        dependants = (await blast_radius(connection, guards, domain, plan.targets, now)).count
    return held_by_limits(limits, Usage(last_end, starts, opened, dependants), now)


def _facts(guards: Guards, subject: Subject, firing: Sequence[Alert]) -> Iterator[Facts]:
    """What windows are matched by: each firing alert, and each service that the plan acts on, with what they share."""
    incident = subject.incident
    in_all = set(firing[0].labels.items()).intersection(*(alert.labels.items() for alert in firing)) if firing else ()
    about = {
        "severity": incident.severity.value,
        "domain": real_domain(incident.domain),
        "cause": incident.causes[0].kind.value if incident.causes else "",
    }
    for target in subject.plan.targets:
        yield from _by_team(guards, {**dict(in_all), **about, "service": target}, target)
    for alert in firing:
        own = {"service": alert.service, "severity": alert.severity.value, "source": alert.source}
        yield from _by_team(guards, {**about, **alert.labels, **own}, alert.service)


def _by_team(guards: Guards, facts: dict[str, str], service: str) -> Iterator[Facts]:
    """The same once for each team that answers for it: the one that a label names, and those of tandem.yaml."""
    teams = {*guards.teams.of_service(service), *([facts["team"]] if facts.get("team") else [])}
    yield from ({**facts, "team": team} for team in sorted(teams) or [""])


async def blast_radius(
    connection: AsyncConnection, guards: Guards, domain: str, targets: Sequence[str], now: datetime
) -> BlastRadius:
    """What depends on these services, by the topology that is described and the one that was learnt."""
    learnt = await learnt_edges.learnt_edges(connection, [real_domain(domain)], targets, now)
    topology = guards.topology
    if any(other not in topology.dependencies(one) for one, others in learnt.items() for other in others):
        topology = topology.joined(learnt)
    return reach_in(topology, guards.critical, targets)


def reach_in(topology: Topology, critical: frozenset[str], targets: Sequence[str]) -> BlastRadius:
    """What depends on these services in a topology that holds what was learnt around them."""
    above = {name: hops for target in targets for name, hops in topology.above(target).items()}
    names = above.keys() - set(targets)
    shown = sorted(names, key=lambda name: (name not in critical, above[name], name))
    return BlastRadius(len(names), len(names & critical), shown[:MOST_NAMED])
