"""What of a model is watched: its features, and the monitors that check them against a reference."""

from collections.abc import Collection, Mapping, Sequence
from datetime import timedelta
from enum import StrEnum
from typing import Annotated, Any, Literal, NamedTuple, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from bot.domain.duration import Duration
from bot.domain.severity import Severity
from bot.domain.watched.metric import Average
from bot.domain.watched.reference import ReferenceRules

Scalar = bool | int | float | str


class FeatureKind(StrEnum):
    NUMERIC = "numeric"
    CATEGORICAL = "categorical"
    EMBEDDING = "embedding"
    TEXT = "text"


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class FeatureRules(_Section):
    """A feature's kind, and what its values may be where that is known better than from a reference."""

    kind: FeatureKind
    """What its values are."""
    min: float | None = Field(default=None, allow_inf_nan=False)
    """The least allowed value."""
    max: float | None = Field(default=None, allow_inf_nan=False)
    """The greatest allowed value."""
    values: list[str] | None = Field(default=None, min_length=1)
    """The allowed categories."""
    size: int | None = Field(default=None, ge=2, le=16_384)
    """How many numbers a vector has; without it as many as the reference's."""
    of: str | None = Field(default=None, min_length=1, max_length=60)
    """What the vectors are of, as messages call it: `images`, `support tickets`."""

    @model_validator(mode="after")
    def _fits_its_kind(self) -> Self:
        if self.kind is FeatureKind.CATEGORICAL and (self.min is not None or self.max is not None):
            raise ValueError("a categorical feature has no min and max; name its values")
        if self.kind is FeatureKind.NUMERIC and self.values is not None:
            raise ValueError("a numeric feature has no list of values; give min and max")
        bounds = (self.min, self.max, self.values)
        if self.kind in (FeatureKind.EMBEDDING, FeatureKind.TEXT) and any(bound is not None for bound in bounds):
            raise ValueError(f"a feature of kind {self.kind} has no min, max and values")
        if self.kind is not FeatureKind.EMBEDDING and (self.size is not None or self.of is not None):
            raise ValueError("size and of are for features of kind embedding")
        if self.min is not None and self.max is not None and self.min > self.max:
            raise ValueError("min is more than max")
        return self


class Declared(NamedTuple):
    """The features that are categories though they may look like numbers, and those that are texts."""

    categorical: Collection[str] = ()
    texts: Collection[str] = ()

    @classmethod
    def of(cls, features: Mapping[str, FeatureRules]) -> "Declared":
        kinds = (FeatureKind.CATEGORICAL, FeatureKind.TEXT)
        return cls(*([name for name, rules in features.items() if rules.kind is kind] for kind in kinds))


def _kind_alone(raw: Any) -> Any:
    return {"kind": raw} if isinstance(raw, str) else raw


Feature = Annotated[FeatureRules, BeforeValidator(_kind_alone)]


class Window(_Section):
    """When there is enough for a check: at least so many ``rows``, or what came in a span of ``time``."""

    rows: int | None = Field(default=None, ge=1, le=10_000_000)
    """A check when so many rows wait; 1,000 unless `time` is given."""
    time: Duration | None = None
    """A check so long after the first row came."""

    @model_validator(mode="after")
    def _says_one(self) -> Self:
        if (self.rows is None) == (self.time is None):
            raise ValueError("say rows or time, as in {rows: 1000} or {time: 1h}")
        if self.time is not None and self.time <= timedelta(0):
            raise ValueError("a window of time is longer than nothing")
        return self


class MonitorRules(_Section):
    """What the monitors of all kinds have: one check of a model, made whenever its window is full.

    A kind's own rules (:mod:`bot.watches.models.kinds`) add keys. ``alpha`` is the chance of a false alarm in the
    monitor's whole life (with ``engine: alibi``: in each check).
    """

    kind: str
    """What it looks at; see monitors.md."""
    name: str | None = Field(default=None, min_length=1, max_length=100)
    """What `/model` and alerts call it; default: the kind, with the metric."""
    window: Window = Window(rows=1000)
    """When there is enough for a check."""
    alpha: float = Field(default=0.05, gt=0, lt=1)
    """The chance of a false alarm in the monitor's whole life."""
    engine: Literal["tandem", "alibi"] = "tandem"
    """Who computes: Tandem, or alibi-detect (drift, prediction_drift, multivariate, embedding_drift, outliers)."""
    severity: Severity = Severity.WARNING
    """The severity of its alerts."""
    by: Literal["version"] | None = None
    """`version`: the rows of each version of the model are judged apart; their predictions name it."""
    checked_within: Duration | None = None
    """No check that could be made for so long is `MonitorFailed`; default: a day of checks that could not be made."""

    @model_validator(mode="after")
    def _has_time(self) -> Self:
        if self.checked_within is not None and self.checked_within <= timedelta(0):
            raise ValueError("checked_within is longer than nothing")
        return self

    @model_validator(mode="after")
    def _by_what_can_be(self) -> Self:
        if self.by is not None and self.engine == "alibi":
            raise ValueError("by: version is for Tandem's own engine: leave out engine: alibi, or by")
        return self

    @property
    def known_as(self) -> str:
        """Its name, or its kind."""
        return self.name or self.kind

    @property
    def features_of_labels(self) -> Sequence[str] | None:
        """The features that are needed beside labels and predictions; None for all."""
        return None

    @property
    def needs_rows(self) -> str:
        """Why what is written of it needs rows, though its kind does not; empty where it does not."""
        return ""

    @property
    def of_labels(self) -> bool | None:
        """Whether labels fill its window; None where its kind says so."""
        return None

    @property
    def features_beside(self) -> int:
        """How many features it looks at beside these where few enough labels came."""
        return 0

    @property
    def compares(self) -> bool:
        """Whether it looks at a reference, where there is one."""
        return True

    @property
    def has_seasons(self) -> bool:
        """Whether a seasonal reference is split for it."""
        return self.compares and self.engine == "tandem"

    @property
    def data_every(self) -> timedelta | None:
        """How often predictions have to come; None where the monitor does not care."""
        return None


class WatchedModel(_Section):
    """What the pipeline knows of a model: its features by name, its classes, and its monitors by name.

    ``positive`` is the class that a metric is of, in any spelling; ``average`` is how it becomes one of several.
    Columns to ``ignore`` are no features.
    """

    features: dict[str, FeatureRules] = {}
    monitors: dict[str, MonitorRules] = {}
    positive: Scalar | None = None
    classes: list[Scalar] = []
    average: Average | None = None
    ignore: list[str] = []
    importance: dict[str, float] = {}
    """How much it goes by each feature, on any scale."""
    references: ReferenceRules | None = None
    by_statistics: bool = False
    """Whether its monitors judge statistics that a database made, and not rows."""
    served_by: str | None = None

    def judges_apart(self, monitor: MonitorRules) -> bool:
        """Whether a monitor judges each version of the model by itself."""
        own_references = self.references is not None and self.references.of_versions
        return monitor.by is not None or (own_references and monitor.compares and monitor.engine == "tandem")

    def seasons_of(self, monitor: MonitorRules) -> ReferenceRules | None:
        """How the reference is split by season for a monitor; None where it is not."""
        rules = self.references
        return rules if rules is not None and rules.seasons and monitor.has_seasons else None


def by_name(monitors: list[MonitorRules]) -> dict[str, MonitorRules]:
    """Monitors by what they are known as. Raises ValueError where two have one name."""
    named = {monitor.known_as: monitor for monitor in monitors}
    if len(named) < len(monitors):
        known = [monitor.known_as for monitor in monitors]
        twice = next(name for name in known if known.count(name) > 1)
        raise ValueError(f"two monitors are known as {twice!r}: give them names")
    return named
