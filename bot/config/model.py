"""What tandem.yaml may say."""

import re
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from bot.domain.alert import AlertRules
from bot.domain.maintenance import MaintenanceWindow
from bot.domain.rules import CorrelationRules, Rules
from bot.domain.runbook import Runbook

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
        return {key: said for key, said in value.items() if said is not None or key not in cls.model_fields}


class SlackSection(Section):
    channel: Annotated[str, AfterValidator(_check_channel)] = "#incidents"


class Service(Section):
    depends_on: list[str] = []


class Model(Section):
    """A machine-learning model; its monitors watch it against a reference."""

    served_by: str | None = None
    depends_on: list[str] = []
    features: dict[str, Any] = {}
    monitors: list[dict[str, Any]] = []


class Config(Section):
    """tandem.yaml. An empty file is a valid one."""

    slack: SlackSection = SlackSection()
    correlation: CorrelationRules = CorrelationRules()
    alerts: AlertRules = AlertRules()
    services: dict[str, Service] = Field(default={}, max_length=10_000)
    models: dict[str, Model] = {}
    runbooks: dict[str, Runbook] = {}
    maintenance: dict[str, MaintenanceWindow] = {}

    @property
    def depends_on(self) -> dict[str, list[str]]:
        """The topology: what each service and model depends on."""
        edges = {name: list(service.depends_on) for name, service in self.services.items()}
        for name, model in self.models.items():
            served_by = [model.served_by] if model.served_by else []
            edges.setdefault(name, []).extend([*served_by, *model.depends_on])
        return edges

    def rules(self) -> Rules:
        """The part that the pipeline works by."""
        return Rules(
            correlation=self.correlation,
            alerts=self.alerts,
            depends_on=self.depends_on,
            runbooks=self.runbooks,
            maintenance=self.maintenance,
        )
