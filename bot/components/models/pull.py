"""Pulls: rows of models that are read from databases, by one replica."""

import os
from collections.abc import Iterator
from functools import partial

from bot.components.component import Component
from bot.components.oncall import TOOLS
from bot.components.process import Process
from bot.domain.watched.monitor import Declared
from bot.watches.models.kinds.registry import kind_of


def pull_components(process: Process) -> Iterator[Component]:
    """Nothing where no model of tandem.yaml says so."""
    if not any(section.pull or section.reference for section in process.config.models.values()):
        return
    from bot.integrations.pull.pulling import Pull, address_in  # noqa: PLC0415 - only for who pulls
    from bot.integrations.pull.reference import ReferencePull  # noqa: PLC0415
    from bot.integrations.pull.statistics.pulling import StatisticsPull  # noqa: PLC0415
    from bot.integrations.rows import RowsIntake  # noqa: PLC0415

    services = process.services.under(TOOLS)
    intake = RowsIntake(services.inbox.append, process.frames, services.clock, services.rules)
    secret = partial(address_in, os.environ)
    for model, section in process.config.models.items():
        for pull in section.pull:
            address = partial(address_in, os.environ, pull.from_)
            if pull.statistics:
                given = (address, services.database, intake, services.clock, section.watched)
                needs_reference = any(kind_of(monitor).needs_reference for monitor in section.monitors)
                work: Pull = StatisticsPull(model, pull, *given, needs_reference, secret)
            else:
                work = Pull(model, pull, address, services.database, intake, services.clock, secret=secret)
            yield Component(f"pull of {work.key}", run=work.run, role=TOOLS)
        if section.reference is not None:
            address = partial(address_in, os.environ, section.reference.from_)
            declared = Declared.of(section.features)
            reads = ReferencePull(
                model, section.reference, address, services.database, intake, services.clock, declared, secret
            )
            yield Component(f"pull of {reads.key}", run=reads.run, role=TOOLS)
