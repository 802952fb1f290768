"""Updates of incidents that were promised: whoever communicates is reminded of them, by one replica."""

from bot.components.component import Component
from bot.components.process import Process
from bot.components.routes import ROLE
from bot.incidents.beside.next_update import UpdateReminders


def updates_component(process: Process) -> Component:
    services = process.services.under(ROLE)
    reminders = UpdateReminders(services.database, services.clock, services.broadcast.publish_change)
    services.broadcast.on_change(reminders.wake)
    return Component("updates that are due", run=reminders.run, role=ROLE)
