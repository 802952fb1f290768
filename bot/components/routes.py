"""Whom incidents concern, decided wherever they are shown, and also where they are shown nowhere."""

from bot.components.component import Component
from bot.components.process import Process
from bot.routing.router import Nowhere, Router, Shown

ROLE = "notifier"


def routes_component(process: Process, shown: Shown | None = None) -> Component:
    services = process.services.under(ROLE)
    router = Router(services.database, process.config.compiled_routes(), services.clock, shown or Nowhere())
    services.broadcast.on_change(router.wake)
    return Component("routes", run=router.run, role=ROLE)
