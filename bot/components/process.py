"""What the components of one process are built from."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from functools import partial

import msgspec
import structlog

from bot.cluster.broadcast import Broadcast
from bot.cluster.membership import Membership, make_leases
from bot.components.component import Component
from bot.config import Config, Environment
from bot.config.enrichment import LookupSection
from bot.config.environment import secrets_from
from bot.domain.rules import Rules
from bot.health.refusals import Refusals
from bot.inbox.backlog import Backlog
from bot.inbox.inbox import Inbox, open_inbox
from bot.inbox.intake import Intake
from bot.inbox.partitions import advice_on, see_that_it_holds
from bot.inbox.switch import claim_offsets
from bot.integrations.enrichment import Lookups, Source
from bot.model_store.frames import Frames, open_frames
from bot.observability.metrics import PARTITIONS
from bot.remediation.executors.web import filled
from bot.services import Services, utc_now
from bot.storage.database import Database, open_database
from bot.storage.lock import hold_alone, note_file
from bot.storage.seal import key_file_of, make_seal
from bot.storage.sealing import adopt

log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Process:
    """Its settings, what all parts share, and what the endpoints and the work behind them share."""

    environment: Environment
    config: Config
    services: Services
    membership: Membership
    frames: Frames
    backlog: Backlog
    intake: Intake
    refusals: Refusals
    lookups: Lookups

    def configured(self, config: Config) -> "Process":
        """The same with another configuration. Raises ConfigError where that takes a restart."""
        rules = msgspec.structs.replace(config.rules(), partitions=self.services.rules.partitions)
        rules.enrichment.adopt(self.services.rules.enrichment)
        lookups = make_lookups(config, rules)
        services = replace(self.services, rules=rules, look_up=lookups.prepare)
        return replace(self, config=config, services=services, lookups=lookups)


@asynccontextmanager
async def open_process(environment: Environment, config: Config) -> AsyncIterator[Process]:
    """Open the database and the inbox and join the other replicas; on the way out, leave and close them last."""
    async with AsyncExitStack() as stack:
        database, inbox, partitions = await open_state(stack, environment)
        PARTITIONS.set(partitions)
        rules = msgspec.structs.replace(config.rules(), partitions=partitions)
        leases = make_leases(database, environment.replica, rules.partitions)
        stack.push_async_callback(leases.stop)
        await leases.start()
        await see_that_it_holds(database, partitions)
        broadcast = Broadcast(leases.broadcast)
        lookups = make_lookups(config, rules)
        services = Services(database, inbox, rules, utc_now, leases, broadcast, look_up=lookups.prepare)
        membership = Membership(leases, broadcast)
        backlog = Backlog(database, inbox, utc_now, rules.partitions, environment.most_waiting)
        yield Process(
            environment,
            config,
            services,
            membership,
            open_frames(database, environment.model_store),
            backlog,
            Intake(inbox, full_for=backlog.retry_after, on_commit=membership.publish_work),
            Refusals(utc_now),
            lookups,
        )


def make_lookups(config: Config, rules: Rules) -> Lookups:
    """What asks the systems of ``enrich``; it calls nobody before an alert needs it."""
    sections = [one.http for one in config.enrich if one.http is not None]
    sources = [
        Source(lookup, section.allow_private, partial(_headers_of, section))
        for lookup, section in zip(rules.enrichment.lookups, sections, strict=True)
    ]
    return Lookups(rules.enrichment, sources, utc_now)


def _headers_of(section: LookupSection) -> dict[str, str]:
    return filled(section.headers, secrets_from())


def lookups_component(process: Process) -> Component:
    """Closes connections when nobody asks any more: the endpoints go on while the configuration changes."""
    return Component("lookups", stop=process.lookups.close, lingers=True)


async def open_state(stack: AsyncExitStack, environment: Environment) -> tuple[Database, Inbox, int]:
    """The database and the inbox, ready to be worked on, and how many partitions there are."""
    url = environment.database_url
    database = open_database(url)
    stack.enter_context(hold_alone(url))
    stack.push_async_callback(database.close)
    await database.migrate()
    note_file(url)
    key = environment.seal_key.get_secret_value() if environment.seal_key else None
    await adopt(database, make_seal(key, key_file_of(url)), utc_now())
    inbox = open_inbox(database, environment.inbox_address)
    stack.push_async_callback(inbox.close)
    wanted = environment.partitions
    partitions = await claim_offsets(database, inbox, wanted or Rules().partitions, environment.inbox_left)
    if wanted not in (None, partitions):
        log.warning("partitions.differ", setting=wanted, database=partitions, advice=advice_on(partitions, wanted))
    return database, inbox, partitions


def backlog_component(process: Process) -> Component:
    """How far the pipeline is behind: known before the first endpoint opens."""
    return Component("backlog", run=process.backlog.run, start=process.backlog.look)


def intake_component(process: Process) -> Component:
    """The group commit between the endpoints and the inbox: on stop, it commits what waits."""

    async def start() -> None:
        process.intake.start()

    return Component("intake", start=start, stop=process.intake.stop)
