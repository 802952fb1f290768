"""Remediation: the durable workflows of approved runs, and the loop that starts them."""

from functools import partial

from bot.components.component import Component
from bot.components.process import Process
from bot.components.protection import protection_of
from bot.config.environment import secrets_from
from bot.incidents.guarding import guards_of
from bot.integrations.planned_ends import PlannedEnds
from bot.observability import tracing
from bot.remediation.approval import Terms
from bot.remediation.evidence import Evidence, watchdogs_in
from bot.remediation.records import RunRecords
from bot.remediation.starting import PersonLookup, Start, ungrouped
from bot.remediation.steps import Steps
from bot.remediation.traced import TracedSteps
from bot.remediation.verifying import Verifier
from bot.remediation.workflow import Remediation, workflow_database
from bot.watches.models.evidence import look_at_monitor


def make_remediation(process: Process, look_up: PersonLookup | None = None) -> Remediation:
    """``look_up`` says who is in which user group, where there is a Slack to ask."""
    services = process.services
    records = RunRecords(services.database, services.clock, services.broadcast.publish_change)
    rules = services.rules
    monitor = partial(look_at_monitor, partitions=rules.partitions)
    verifier = Verifier(records, Evidence(monitor, PlannedEnds(process.environment).read, watchdogs_in(rules)))
    kind = TracedSteps if tracing.on() else Steps
    terms = Terms(process.config.runbooks, guards_of(rules))
    start = Start(records, terms, look_up or ungrouped)
    steps = kind(records, secrets_from(), start, verifier, protection_of(process.environment))
    url = workflow_database(process.environment.database_url)
    remediation = Remediation(services, terms, steps, url)
    services.broadcast.on_change(remediation.wake)
    return remediation


def workflows_component(remediation: Remediation) -> Component:
    """DBOS: carries out runs; on stop, the steps that are being performed come to their end."""
    return Component("workflows", start=remediation.launch, stop=remediation.close)


def remediation_component(remediation: Remediation) -> Component:
    """Starts a workflow for each approved run. It runs on every replica, and acts where that has the role."""
    return Component("remediation", run=remediation.run)
