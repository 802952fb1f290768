"""What sections of tandem.yaml share, and the section of a model."""

from typing import Annotated, Any, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from bot.config.checks import check_classes, check_counted
from bot.config.document import Place
from bot.domain.watched.metric import Average
from bot.domain.watched.monitor import Feature, MonitorRules, Scalar, WatchedModel, by_name
from bot.domain.watched.pull import Pulls, ReferenceSection
from bot.domain.watched.reference import ReferenceRules
from bot.watches.models.kinds.registry import rules_from


class Keys(BaseModel):
    """A section: no other keys, and nothing after a key is as if it were not there."""

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


class Model(Keys):
    """A machine-learning model: served by a service, reading datasets; its monitors watch it against a reference."""

    served_by: str | None = None
    """The service that answers with the model."""
    depends_on: list[str] = []
    """What else it needs."""
    reads: list[str] = []
    """The datasets that it reads."""
    features: dict[str, Feature] = {}
    """Its features: `numeric`, `categorical`, `embedding` or `text`, or a section with the keys below."""
    positive: Scalar | None = None
    """The class that recall, precision and f1 are of, such as `fraud`."""
    classes: list[Scalar] = Field(default=[], max_length=1_000)
    """All classes, for metrics of several."""
    average: Average | None = None
    """How a metric of one class is one of several: `macro` (default), `micro`, `weighted`; `per_class` judges each."""
    ignore: list[str] = Field(default=[], max_length=10_000)
    """Columns that are no features, such as a row's number: no monitor looks at them."""
    importance: dict[str, Annotated[float, Field(ge=0, allow_inf_nan=False)]] = Field(default={}, max_length=10_000)
    """How much the model goes by each feature, on any scale; what is sent with a reference counts more."""
    references: ReferenceRules | None = None
    """Which references rows are compared with, as in `{by: [weekday, hour]}`; default: the current one."""
    monitors: list[Annotated[MonitorRules, BeforeValidator(rules_from)]] = []
    """What is checked about it; see monitors.md."""
    pull: Pulls = []
    """Its rows are read from a database: one such section, or a list; see models.md."""
    reference: ReferenceSection | None = None
    """Its references are read from a database."""

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        by_name(self.monitors)
        check_counted(self.pull, self.monitors, self.references)
        check_classes(self.classes, self.positive, self.average)
        if both := sorted(set(self.ignore) & self.features.keys()):
            raise ValueError(f"{both[0]} is ignored, and one of the features")
        return self

    @property
    def watched(self) -> WatchedModel:
        """The part that its monitors work by."""
        shared = {key: getattr(self, key) for key in WatchedModel.model_fields if key in Model.model_fields}
        counted = any(pull.statistics for pull in self.pull)
        return WatchedModel.model_validate(shared | {"monitors": by_name(self.monitors), "by_statistics": counted})

    @property
    def dependencies(self) -> list[tuple[Place, str]]:
        """What it depends on, each with its place in the section."""
        served: list[tuple[Place, str]] = [(("served_by",), self.served_by)] if self.served_by else []
        data = [one for pull in self.pull for one in pull.data] + (self.reference.data if self.reference else [])
        others = (("depends_on", self.depends_on), ("reads", self.reads), ("pull", [one.dataset for one in data]))
        return served + [((key, i), other) for key, named in others for i, other in enumerate(named)]
