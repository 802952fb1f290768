"""What a process works on: the database, the inbox, and what is asked of other systems."""

from contextlib import AsyncExitStack
from functools import partial

import structlog

from bot.config import Config, Environment
from bot.config.enrichment import LookupSection
from bot.config.environment import secrets_from
from bot.domain.rules import Rules
from bot.inbox.inbox import Inbox, open_inbox
from bot.inbox.partitions import advice_on
from bot.inbox.switch import claim_offsets
from bot.integrations.enrichment import Lookups, Source
from bot.remediation.executors.web import filled
from bot.services import utc_now
from bot.storage.database import Database, open_database
from bot.storage.lock import hold_alone, note_file
from bot.storage.seal import key_file_of, make_seal
from bot.storage.sealing import adopt

log = structlog.get_logger(__name__)


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
