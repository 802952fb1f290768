"""What the components of one process are built from."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace

import msgspec
import structlog

from bot.cluster.broadcast import Broadcast
from bot.cluster.membership import Membership, make_leases
from bot.components.component import Component
from bot.components.partitions.labels import settle_labels, take_stranded
from bot.components.partitions.state import make_lookups, open_state
from bot.config import Config, Environment
from bot.errors import ConfigError
from bot.health.refusals import Refusals
from bot.inbox.backlog import Backlog
from bot.inbox.intake import Intake
from bot.inbox.partitions import see_that_it_holds
from bot.integrations.enrichment import Lookups
from bot.model_store.frames import Frames, open_frames
from bot.observability.metrics import PARTITIONS
from bot.services import Services, utc_now

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
        before, rules = self.services.rules, config.rules()
        if rules.correlation.partition_by != before.correlation.partition_by:
            raise ConfigError("correlation.partition_by changes only with a restart, which moves what is stored")
        rules = msgspec.structs.replace(rules, partitions=before.partitions)
        rules.enrichment.adopt(self.services.rules.enrichment)
        lookups = make_lookups(config, rules)
        services = replace(self.services, rules=rules, look_up=lookups.prepare)
        return replace(self, config=config, services=services, lookups=lookups)


@asynccontextmanager
async def open_process(environment: Environment, config: Config) -> AsyncIterator[Process]:
    """Open the database and the inbox and join the other replicas; on the way out, leave and close them last."""
    async with AsyncExitStack() as stack:
        database, inbox, partitions = await open_state(stack, environment)
        await settle_labels(environment, config, database, inbox, partitions)
        await take_stranded(config, database, inbox, partitions)
        PARTITIONS.set(partitions)
        rules = msgspec.structs.replace(config.rules(), partitions=partitions)
        leases = make_leases(database, environment.replica, rules.partitions)
        stack.push_async_callback(leases.stop)
        await leases.start()
        await see_that_it_holds(database, partitions, rules.correlation.partition_by)
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


def lookups_component(process: Process) -> Component:
    """Closes connections when nobody asks any more: the endpoints go on while the configuration changes."""
    return Component("lookups", stop=process.lookups.close, lingers=True)


def backlog_component(process: Process) -> Component:
    """How far the pipeline is behind: known before the first endpoint opens."""
    return Component("backlog", run=process.backlog.run, start=process.backlog.look)


def intake_component(process: Process) -> Component:
    """The group commit between the endpoints and the inbox: on stop, it commits what waits."""

    async def start() -> None:
        process.intake.start()

    return Component("intake", start=start, stop=process.intake.stop)
