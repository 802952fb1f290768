"""Remediation: the durable workflows of approved runs, and the loop that starts them."""

from collections.abc import Mapping
from dataclasses import replace
from functools import partial

from bot.components.component import Component
from bot.components.process import Process
from bot.components.protection import protection_of
from bot.config.environment import secrets_from
from bot.config.model import PrometheusSection
from bot.incidents.guarding import guards_of
from bot.integrations.planned_ends import PlannedEnds
from bot.integrations.prometheus import PrometheusReader, Server
from bot.kubernetes.cluster import Cluster
from bot.observability import tracing
from bot.remediation.approval import Terms
from bot.remediation.asking import perform_probe
from bot.remediation.evidence import Evidence, watchdogs_in
from bot.remediation.executors.web import SecretMissing, filled
from bot.remediation.records import RunRecords
from bot.remediation.starting import PersonLookup, Start, ungrouped
from bot.remediation.steps import Steps
from bot.remediation.traced import TracedSteps
from bot.remediation.verifying import Verifier
from bot.remediation.workflow import Remediation
from bot.remediation.workflow_database import workflow_database
from bot.watches.models.evidence import look_at_monitor


def make_remediation(
    process: Process, look_up: PersonLookup | None = None, cluster: Cluster | None = None
) -> Remediation:
    """``look_up`` says who is in which user group, where there is a Slack to ask."""
    services = process.services
    records = RunRecords(services.database, services.clock, services.broadcast.publish_change)
    rules = services.rules
    monitor = partial(look_at_monitor, partitions=rules.partitions)
    secrets, protection = secrets_from(), replace(protection_of(process.environment), cluster=cluster)
    queries = query_reader(process.config.prometheus, secrets)
    evidence = Evidence(
        monitor,
        queries.read,
        partial(perform_probe, secrets=secrets, protection=protection),
        PlannedEnds(process.environment).read,
        watchdogs_in(rules),
        queries.history,
    )
    verifier = Verifier(records, evidence)
    kind = TracedSteps if tracing.on() else Steps
    terms = Terms(process.config.runbooks, guards_of(rules))
    start = Start(records, terms, look_up or ungrouped)
    steps = kind(records, secrets, start, verifier, protection)
    url = workflow_database(process.environment.database_url)
    remediation = Remediation(services, terms, steps, url)
    services.broadcast.on_change(remediation.wake)
    return remediation


def query_reader(servers: Mapping[str, PrometheusSection], secrets: Mapping[str, str]) -> PrometheusReader:
    """Reads the servers that tandem.yaml names."""
    return PrometheusReader({name: _server(one, secrets) for name, one in servers.items()})


def _server(section: PrometheusSection, secrets: Mapping[str, str]) -> Server:
    try:
        return Server(section.url, filled(section.headers, secrets))
    except SecretMissing as error:
        return Server(section.url, problem=str(error))


def workflows_component(remediation: Remediation) -> Component:
    """DBOS: carries out runs; on stop, the steps that are being performed come to their end."""
    return Component("workflows", start=remediation.launch, stop=remediation.close)


def remediation_component(remediation: Remediation) -> Component:
    """Starts a workflow for each approved run. It runs on every replica, and acts where that has the role."""
    return Component("remediation", run=remediation.run)
