"""What is wrong with ``schedules`` and ``escalations``, and with names of schedules wherever they stand."""

import os
from collections.abc import Iterator, Mapping

from bot.config.document import Place
from bot.config.environment import SECRET_PREFIX, secrets_from
from bot.config.model import Config
from bot.config.nearest import nearest
from bot.domain.access.permission import Permissions
from bot.domain.access.person import is_group, is_user, schedule_of
from bot.domain.oncall.names import is_address, mapped
from bot.domain.oncall.page import PAGERS
from bot.domain.oncall.schedule import Schedule, SecretName

_OF_TOOLS = {
    "pagerduty": ("TANDEM_PAGERDUTY_TOKEN",),
    "opsgenie": ("TANDEM_OPSGENIE_TOKEN",),
    "grafana_irm": ("TANDEM_GRAFANA_IRM_URL", "TANDEM_GRAFANA_IRM_TOKEN"),
}
"""What reading a tool's schedule needs."""


def problems_of_on_call(config: Config) -> Iterator[tuple[Place, str]]:
    """Schedules that are named and not described, and groups where only a person can be."""
    for place, name in _named(config):
        schedule = schedule_of(name)
        if schedule is not None and schedule not in config.schedules:
            hint = nearest(schedule, config.schedules) or (": schedules has none" if not config.schedules else "")
            yield place, f"there is no schedule {schedule!r}{hint}"
    for escalation, rules in config.escalations.items():
        for i, step in enumerate(rules.steps):
            for n, name in enumerate(step.direct_message):
                if is_group(name):
                    place = ("escalations", escalation, "steps", i, "direct_message", n)
                    yield place, f"{name} is a user group: only a person can be written to directly; mention it"


def _named(config: Config) -> Iterator[tuple[Place, str]]:
    for right in Permissions.model_fields:
        for i, name in enumerate(config.permissions.named(right)):
            yield ("permissions", right, i), name
    for book, runbook in config.runbooks.items():
        for i, name in enumerate(runbook.approval.approvers):
            yield ("runbooks", book, "approval", "approvers", i), name
    for i, window in enumerate(config.guards.freeze):
        for n, name in enumerate(window.break_glass):
            yield ("guards", "freeze", i, "break_glass", n), name
    for escalation, rules in config.escalations.items():
        for i, step in enumerate(rules.steps):
            for key in ("mention", "direct_message"):
                for n, name in enumerate(getattr(step, key)):
                    yield ("escalations", escalation, "steps", i, key, n), name


def warnings_of_on_call(config: Config, environ: Mapping[str, str] = os.environ) -> Iterator[tuple[Place, str]]:
    """People of rotations whom nothing makes known, and secrets that are not there."""
    for schedule, rules in config.schedules.items():
        for i, name in enumerate(rules.rotation or ()):
            if not (is_user(name) or is_address(name) or mapped(name, config.people)):
                how = "write a user id or an e-mail address, or map it under people"
                text = f"nobody in Slack is known as {name!r}: {how}"
                yield ("schedules", schedule, "rotation", i), text
        if needed := _unset(rules, environ):
            place, variable = needed
            text = f"{variable} is not set here: nobody would be known to be on call"
            yield ("schedules", schedule, *place), text
    secrets = secrets_from(environ)
    for escalation, steps in config.escalations.items():
        for i, step in enumerate(steps.steps):
            for way in PAGERS:
                target = getattr(step, way.value)
                secret = target.secret if target is not None else None
                if secret is not None and secret not in secrets:
                    place = ("escalations", escalation, "steps", i, way.value, "secret")
                    yield place, f"{SECRET_PREFIX}{secret} is not set here: this step would reach nobody"


def _unset(schedule: Schedule, environ: Mapping[str, str]) -> tuple[Place, str] | None:
    """The variable that a schedule cannot be read without, and the key that asks for it."""
    if isinstance(schedule.ical, SecretName) and schedule.ical.secret not in secrets_from(environ):
        return ("ical", "secret"), f"{SECRET_PREFIX}{schedule.ical.secret}"
    for key, variables in _OF_TOOLS.items():
        unset = [variable for variable in variables if not environ.get(variable)]
        if getattr(schedule, key) is not None and unset:
            return (key,), unset[0]
    return None
