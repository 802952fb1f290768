"""What tandem.yaml may say."""

import re
from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, PrivateAttr, model_validator

from bot.config.document import Place
from bot.domain.alert import AlertRules
from bot.domain.maintenance import MaintenanceWindow
from bot.domain.rules import CorrelationRules, Rules
from bot.domain.runbook import Runbook
from bot.domain.watching import LogRules, MetricRules

_CHANNEL = re.compile(r"#?[^\s#]{1,80}")


def _check_channel(channel: str) -> str:
    if not _CHANNEL.fullmatch(channel):
        raise ValueError("write a channel's name, as in '#incidents' (with the quotes), or its id")
    return channel


class Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    @model_validator(mode="before")
    @classmethod
    def _nothing_is_empty(cls, value: Any) -> Any:
        """A key with nothing after it says what a missing key says."""
        if not isinstance(value, dict):
            return {} if value is None else value
        known = keys_of(cls)
        return {key: said for key, said in value.items() if said is not None or key not in known}


def keys_of(model: type[BaseModel]) -> list[str]:
    """What may be said in a section, as it is written."""
    return [field.alias or name for name, field in model.model_fields.items()]


class SlackSection(Section):
    channel: Annotated[str, AfterValidator(_check_channel)] = "#incidents"


class TopologySection(Section):
    """Files of other tools that say what depends on what, beside tandem.yaml."""

    imports: Annotated[list[str], Field(alias="import")] = []


class Service(Section):
    """Or a host, a database, a queue, a dataset: a node of the topology."""

    depends_on: list[str] = []

    @property
    def dependencies(self) -> list[tuple[Place, str]]:
        """What it depends on, each with its place in the section."""
        return [(("depends_on", i), other) for i, other in enumerate(self.depends_on)]


class Model(Section):
    """A machine-learning model: served by a service, reading datasets; its monitors watch it against a reference."""

    served_by: str | None = None
    depends_on: list[str] = []
    reads: list[str] = []
    features: dict[str, Any] = {}
    monitors: list[dict[str, Any]] = []

    @property
    def dependencies(self) -> list[tuple[Place, str]]:
        """What it depends on, each with its place in the section."""
        served: list[tuple[Place, str]] = [(("served_by",), self.served_by)] if self.served_by else []
        others = (("depends_on", self.depends_on), ("reads", self.reads))
        return served + [((key, i), other) for key, named in others for i, other in enumerate(named)]


class Config(Section):
    """tandem.yaml. An empty file is a valid one."""

    slack: SlackSection = SlackSection()
    correlation: CorrelationRules = CorrelationRules()
    alerts: AlertRules = AlertRules()
    topology: TopologySection = TopologySection()
    services: dict[str, Service] = Field(default={}, max_length=10_000)
    models: dict[str, Model] = {}
    metrics: MetricRules = MetricRules()
    logs: LogRules = LogRules()
    runbooks: dict[str, Runbook] = {}
    maintenance: dict[str, MaintenanceWindow] = {}

    _imported: Mapping[str, list[str]] = PrivateAttr({})

    def importing(self, depends_on: Mapping[str, list[str]]) -> Self:
        """The same with what the files said that it imports."""
        config = self.model_copy()
        config._imported = depends_on
        return config

    def described(self) -> Iterator[tuple[str, str, Service | Model]]:
        """Every entry of the topology that stands here, after its section and its name."""
        yield from (("services", name, service) for name, service in self.services.items())
        yield from (("models", name, model) for name, model in self.models.items())

    @property
    def depends_on(self) -> dict[str, list[str]]:
        """The topology: what each service and model depends on."""
        edges: dict[str, list[str]] = {}
        for _, name, one in self.described():
            edges.setdefault(name, []).extend(other for _, other in one.dependencies)
        for name, others in self._imported.items():
            edges.setdefault(name, []).extend(others)
        return {name: list(dict.fromkeys(others)) for name, others in edges.items()}

    def rules(self) -> Rules:
        """The part that the pipeline works by."""
        return Rules(
            correlation=self.correlation,
            alerts=self.alerts,
            depends_on=self.depends_on,
            runbooks=self.runbooks,
            maintenance=self.maintenance,
            metrics=self.metrics,
            logs=self.logs,
        )
