"""Maintenance: what is over for long is archived and deleted, each kind by whoever has the role for it."""

from collections.abc import Iterator

from bot.components.component import Component
from bot.components.process import Process
from bot.maintenance.loops import keep_house


def maintenance_components(process: Process) -> Iterator[Component]:
    """Raises ConfigError where the archive cannot be where tandem.yaml wants it."""
    services, environment = process.services, process.environment
    for role, work in keep_house(
        services,
        process.config.retention,
        environment.model_retention,
        environment.archive,
        process.frames,
    ):
        yield Component(role, run=work, role=role)
