"""Maintenance: what is not needed any more is archived and deleted, each kind by whoever has the role for it."""

from collections.abc import Iterator
from functools import partial
from itertools import groupby

from bot.components.component import Component
from bot.components.process import Process
from bot.maintenance.loop import maintain
from bot.maintenance.retention import ForgetRuns
from bot.maintenance.tasks import Limits, all_tasks


def maintenance_components(process: Process, forget_runs: ForgetRuns) -> Iterator[Component]:
    """The loop, once for the tasks of each role. Raises ConfigError where the archive cannot be where it should."""
    environment = process.environment
    limits = Limits(process.config.retention, environment.model_retention, environment.archive)
    all_of_them = all_tasks(process.services, process.frames, limits, forget_runs)
    for role, tasks in groupby(all_of_them, key=lambda task: task.role):
        yield Component(f"maintenance: {role}", run=partial(maintain, list(tasks)), role=role)
