"""Receivers of outgoing events: each has a delivery of its own, so that one that is down delays no other."""

from collections.abc import Iterator
from functools import partial

from aiohttp import ClientSession

from bot.components.component import Component
from bot.components.oncall import TOOLS
from bot.components.process import Process
from bot.config.environment import secrets_from
from bot.config.outgoing import OutgoingReceiver
from bot.domain.outgoing.event import OutgoingEvent
from bot.integrations.outgoing.delivery import AT_ONCE, Delivery, begin
from bot.integrations.outgoing.receiver import Receiver, open_session, send
from bot.remediation.executors.web import filled
from bot.services import Clock


def outgoing_components(process: Process) -> Iterator[Component]:
    """Nothing where tandem.yaml names no receiver."""
    services = process.services.under(TOOLS)
    for section in process.config.outgoing:
        receiver = receiver_of(section)
        session = open_session(receiver, AT_ONCE)
        attempt = partial(_attempt, session, receiver, services.clock)
        may = partial(process.services.holds, TOOLS)
        delivery = Delivery(services.database, receiver, attempt, services.clock, may)
        services.broadcast.on_change(delivery.wake)
        yield Component(f"connections to {receiver.shown}", stop=session.close)
        start = partial(begin, process.services.database, receiver)
        yield Component(f"outgoing events to {receiver.shown}", run=delivery.run, role=TOOLS, start=start)


async def _attempt(session: ClientSession, receiver: Receiver, clock: Clock, event: OutgoingEvent) -> None:
    await send(session, receiver, event, secrets_from(), clock())


def receiver_of(section: OutgoingReceiver) -> Receiver:
    return Receiver(
        section.url,
        section.events,
        section.secret,
        section.allow_private,
        lambda: filled(section.headers, secrets_from()),
    )
