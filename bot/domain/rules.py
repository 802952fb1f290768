"""The part of tandem.yaml that decides how events become incidents, as one value for the pipeline."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Annotated

import msgspec
from pydantic import BaseModel, ConfigDict, Field

from bot.domain.access.team import Teams
from bot.domain.alert import AlertRules
from bot.domain.duration import Duration
from bot.domain.enrichment import NOTHING_ADDED, Enrichment
from bot.domain.guards.freeze import GuardRules
from bot.domain.llm.rules import LlmRules
from bot.domain.maintenance import MaintenanceWindow
from bot.domain.naming import About, NamingRules, about
from bot.domain.runbook import Runbook
from bot.domain.severity import Severity
from bot.domain.watched.heartbeat import Heartbeat
from bot.domain.watched.monitor import WatchedModel
from bot.domain.watched.telemetry import LogRules, MetricRules


class CorrelationRules(BaseModel):
    """Which alerts may meet, whose they are, and for how long an incident takes in more."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    partition_by: list[str] = ["cluster"]
    """Labels that part the world: alerts that differ in one of them are never one incident."""
    service_labels: Annotated[list[str], Field(min_length=1)] = ["service", "app", "job"]
    """The labels that name an alert's service, in order."""
    window: Duration = timedelta(minutes=5)
    """How long after its last alert an incident still takes in more."""
    naming: NamingRules = NamingRules()
    """What is added to the rules by which alerts of Kubernetes and of exporters are named."""

    def about(self, labels: Mapping[str, str], described: frozenset[str]) -> About:
        """What an alert with these labels is about, where ``described`` are the names of the described topology."""
        return about(labels, tuple(self.service_labels), self.naming.catalogue, described)


class Rules(msgspec.Struct, frozen=True):
    """``depends_on`` is the topology: what each service and model depends on; ``critical`` are the services that are
    marked so; ``severities`` holds words of one's own, as :func:`bot.domain.severity.spelling` writes them."""

    correlation: CorrelationRules = CorrelationRules()
    alerts: AlertRules = AlertRules()
    depends_on: Mapping[str, list[str]] = {}
    runbooks: Mapping[str, Runbook] = {}
    maintenance: Mapping[str, MaintenanceWindow] = {}
    metrics: MetricRules = MetricRules()
    logs: LogRules = LogRules()
    llm: LlmRules = LlmRules()
    models: Mapping[str, WatchedModel] = {}
    heartbeats: Mapping[str, Heartbeat] = {}
    severities: Mapping[str, Severity] = {}
    guards: GuardRules = GuardRules()
    teams: Teams = msgspec.field(default_factory=lambda: Teams({}))
    critical: frozenset[str] = frozenset()
    enrichment: Enrichment = NOTHING_ADDED
    partitions: int = 16

    @property
    def has_monitors(self) -> bool:
        """Whether any model is monitored."""
        return any(model.monitors for model in self.models.values())

    def is_trouble(self, labels: Mapping[str, str]) -> bool:
        """Whether an alert with these labels stands for trouble: it carries no heartbeat, and is none to be ignored."""
        ignored = self.correlation.naming.catalogue.is_ignored(labels.get("alertname", ""))
        return not ignored and not self.heartbeats_in(labels)

    def heartbeats_in(self, labels: Mapping[str, str]) -> list[str]:
        """The heartbeats that an alert with these labels carries."""
        return [name for name, heartbeat in self.heartbeats.items() if heartbeat.is_carried_by(labels)]
