"""The part of tandem.yaml that decides how events become incidents, as one value for the pipeline."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Annotated

import msgspec
from pydantic import BaseModel, ConfigDict, Field

from bot.domain.alert import AlertRules
from bot.domain.duration import Duration
from bot.domain.runbook import Runbook


class CorrelationRules(BaseModel):
    """Which alerts may meet, whose they are, and for how long an incident takes in more."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    partition_by: list[str] = ["cluster"]
    service_labels: Annotated[list[str], Field(min_length=1)] = ["service", "app", "job"]
    window: Duration = timedelta(minutes=5)


class Rules(msgspec.Struct, frozen=True):
    """``near`` gives each service those whose trouble is likely its own, see :func:`neighbourhood`."""

    correlation: CorrelationRules = CorrelationRules()
    alerts: AlertRules = AlertRules()
    depends_on: Mapping[str, list[str]] = {}
    near: Mapping[str, frozenset[str]] = {}
    runbooks: Mapping[str, Runbook] = {}
    partitions: int = 16


def neighbourhood(depends_on: Mapping[str, list[str]], hops: int = 2) -> dict[str, frozenset[str]]:
    """For each service the others within ``hops`` edges of the topology, in either direction.

    >>> sorted(neighbourhood({"model": ["api"], "api": ["pool"]})["model"])
    ['api', 'pool']
    """
    beside: dict[str, set[str]] = {}
    for service, others in depends_on.items():
        for other in others:
            beside.setdefault(service, set()).add(other)
            beside.setdefault(other, set()).add(service)
    return {service: _within(service, beside, hops) for service in beside}


def _within(service: str, beside: Mapping[str, set[str]], hops: int) -> frozenset[str]:
    reached, edge = {service}, {service}
    for _ in range(hops):
        edge = set().union(*(beside[name] for name in edge)) - reached
        reached |= edge
    return frozenset(reached - {service})
