"""Icinga 2, by a notification command: the same fields as :mod:`handlers.webhooks.nagios` takes.

https://icinga.com/docs/icinga-2/latest/doc/03-monitoring-basics/#notification-commands
"""

from collections.abc import Mapping
from datetime import datetime

from bot.domain.event import Event
from handlers.http.authentication import bearer_or_like
from handlers.sources.registry import source
from handlers.webhooks.nagios import events_of

NAME = "icinga"


@source(NAME, verify=bearer_or_like)
def parse(body: bytes, headers: Mapping[str, str], received_at: datetime) -> list[Event]:
    return events_of(NAME, body, received_at)
