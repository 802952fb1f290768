"""What the alerts that were stored of late say about the configuration."""

import os
from collections import Counter
from datetime import UTC, datetime, timedelta

from sqlalchemy.ext.asyncio import AsyncConnection

from bot.commands.parts.checks.finding import Finding, Mark
from bot.config import Config
from bot.domain.severity import known_severity
from bot.storage.database import Database
from bot.storage.queries import counts
from bot.storage.tables.core import AlertRow
from bot.storage.version import has_table
from handlers.sources.sns_message import TOPICS, topics_in

_LATELY = timedelta(days=7)
_MOST_ALERTS = 50_000
_MOST_SHOWN = 10
_CLOUDWATCH = "cloudwatch"


async def check_alerts(database: Database, config: Config) -> list[Finding]:
    since = datetime.now(UTC) - _LATELY
    words: Counter[str] = Counter()
    sources: set[str] = set()
    async with database.read() as connection:
        if await _is_begun(connection):
            words = await counts.severity_words(connection, since, _MOST_ALERTS)
            sources = await counts.sources_since(connection, since)
    return [_severities(words, config), _topics(_CLOUDWATCH in sources)]


async def _is_begun(connection: AsyncConnection) -> bool:
    return await has_table(connection, AlertRow)


def _severities(words: Counter[str], config: Config) -> Finding:
    """Words that nobody knows count as warnings: a critical alert may be among them."""
    own = config.rules().severities
    unknown = [(word, count) for word, count in words.most_common() if known_severity(word, own) is None]
    if not unknown:
        return Finding(Mark.OK, "severities", f"every word in the alerts of the last {_LATELY.days} days is known")
    shown = ", ".join(f"{word[:60]!r} ({count})" for word, count in unknown[:_MOST_SHOWN])
    more = f" and {len(unknown) - _MOST_SHOWN} more" if len(unknown) > _MOST_SHOWN else ""
    text = f"unknown in alerts of the last {_LATELY.days} days, so these count as warnings: {shown}{more}"
    advice = f"Say in tandem.yaml what they mean, as in severities: {{{unknown[0][0][:60]!r}: high}}."
    return Finding(Mark.WARN, "severities", text, advice)


def _topics(is_used: bool) -> Finding:
    """Amazon's signature says that SNS sent a message, and not whose topic it is of."""
    topics = topics_in(os.environ)
    advice = f"Set {TOPICS} to the ARNs of your topics, parted by commas."
    wrong = [topic for topic in topics if not topic.startswith("arn:")]
    if wrong:
        return Finding(Mark.WARN, "CloudWatch", f"{wrong[0][:100]!r} in {TOPICS} is no ARN: it fits no message", advice)
    if topics:
        return Finding(Mark.OK, "CloudWatch", f"only the topics that {TOPICS} names may send: {len(topics)}")
    if is_used:
        text = f"any topic of any AWS account may send whose sender knows the token: {TOPICS} is not set"
        return Finding(Mark.WARN, "CloudWatch", text, advice)
    return Finding(Mark.OK, "CloudWatch", f"sent nothing of late; before it does, set {TOPICS} to your topics' ARNs")
