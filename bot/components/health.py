"""Watching Tandem itself: the dead man's switch outside, and the ops channel in Slack."""

from collections.abc import Iterator
from functools import partial

from bot.components.component import Component
from bot.components.process import Process
from bot.components.routes import ROLE
from bot.components.slack import Slack, health_of, others_of
from bot.components.tools import ROLE as TOOLS
from bot.health.dead_mans_switch import ping_while_healthy
from bot.health.model_metrics import ModelMetrics
from bot.health.ops_channel import OpsChannel
from bot.health.refusals import publish_refusals
from bot.health.review_metrics import ReviewMetrics
from bot.health.self_check import Others, SelfCheck
from bot.notify.kinds import Opening, open_channel
from bot.remediation.workflow import Remediation


def health_components(process: Process, slack: Slack | None, remediation: Remediation | None) -> Iterator[Component]:
    environment, services = process.environment, process.services
    check = SelfCheck(
        process.backlog,
        process.intake,
        partial(health_of, slack),
        services.clock,
        process.config.deadman.after,
        partial(_others, slack, remediation),
    )
    topology = services.rules.depends_on
    known = {*topology, *(below for names in topology.values() for below in names)}
    review = ReviewMetrics(services.database, process.config.responsible, known, services.clock)
    yield Component("figures of incidents", run=review.run, role=TOOLS)
    yield Component("figures of models", run=ModelMetrics(services.database, services.rules).run, role=TOOLS)
    if url := environment.deadman_url:
        run = partial(ping_while_healthy, url.get_secret_value(), environment.deadman_every, check)
        yield Component("dead man's switch", run=run)
    if slack and (name := process.config.slack.ops_channel):
        channel = open_channel(name, Opening({"slack": slack.client}))
        ops = OpsChannel(channel, check, services.clock, partial(services.holds, ROLE))
        yield Component("ops channel", run=ops.run)
        yield Component("refusals", run=partial(publish_refusals, process.refusals, channel))


def _others(slack: Slack | None, remediation: Remediation | None) -> Others:
    found = others_of(slack)
    if remediation is None or not remediation.problem:
        return found
    return found._replace(serious={**found.serious, "workflows": f"runs cannot be carried out: {remediation.problem}"})
