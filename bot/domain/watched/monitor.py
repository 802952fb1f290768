"""What of a model is watched: its features, and the monitors that check them against a reference."""

from datetime import timedelta
from enum import StrEnum
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from bot.domain.duration import Duration
from bot.domain.severity import Severity


class FeatureKind(StrEnum):
    NUMERIC = "numeric"
    CATEGORICAL = "categorical"


class MonitorKind(StrEnum):
    """What a monitor looks at."""

    QUALITY = "quality"
    DRIFT = "drift"
    PREDICTION_DRIFT = "prediction_drift"
    MULTIVARIATE = "multivariate"
    CONCEPT_DRIFT = "concept_drift"
    PERFORMANCE = "performance"
    ESTIMATED_PERFORMANCE = "estimated_performance"

    @property
    def alertname(self) -> str:
        """The name of the alert that its finding is."""
        return _ALERT_NAMES[self]

    @property
    def of_performance(self) -> bool:
        return self in (MonitorKind.PERFORMANCE, MonitorKind.ESTIMATED_PERFORMANCE)

    @property
    def of_labels(self) -> bool:
        """Whether it is labels that fill its window."""
        return self in (MonitorKind.PERFORMANCE, MonitorKind.CONCEPT_DRIFT)


_ALERT_NAMES = {
    MonitorKind.QUALITY: "DataQuality",
    MonitorKind.DRIFT: "FeatureDrift",
    MonitorKind.PREDICTION_DRIFT: "PredictionDrift",
    MonitorKind.MULTIVARIATE: "MultivariateDrift",
    MonitorKind.CONCEPT_DRIFT: "ConceptDrift",
    MonitorKind.PERFORMANCE: "ModelPerformance",
    MonitorKind.ESTIMATED_PERFORMANCE: "EstimatedModelPerformance",
}


class Metric(StrEnum):
    """How well a model does. Of errors less is better; all others are shares, of which more is."""

    ACCURACY = "accuracy"
    PRECISION = "precision"
    RECALL = "recall"
    F1 = "f1"
    ROC_AUC = "roc_auc"
    MAE = "mae"
    RMSE = "rmse"
    MAPE = "mape"
    MASE = "mase"
    NDCG = "ndcg"
    MRR = "mrr"

    @property
    def is_error(self) -> bool:
        return self in (Metric.MAE, Metric.RMSE, Metric.MAPE, Metric.MASE)

    @property
    def ranks(self) -> bool:
        return self in (Metric.NDCG, Metric.MRR)


ESTIMABLE = (Metric.ACCURACY, Metric.PRECISION, Metric.RECALL, Metric.F1, Metric.MAE, Metric.RMSE)


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class FeatureRules(_Section):
    """A feature's kind, and what its values may be where that is known better than from a reference."""

    kind: FeatureKind
    """What its values are."""
    min: float | None = None
    """The least allowed value."""
    max: float | None = None
    """The greatest allowed value."""
    values: list[str] | None = None
    """The allowed categories."""

    @model_validator(mode="after")
    def _fits_its_kind(self) -> Self:
        if self.kind is FeatureKind.CATEGORICAL and (self.min is not None or self.max is not None):
            raise ValueError("a categorical feature has no min and max; name its values")
        if self.kind is FeatureKind.NUMERIC and self.values is not None:
            raise ValueError("a numeric feature has no list of values; give min and max")
        if self.min is not None and self.max is not None and self.min > self.max:
            raise ValueError("min is more than max")
        return self


def _kind_alone(said: Any) -> Any:
    return {"kind": said} if isinstance(said, str) else said


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
    """One check of a model, made whenever its window is full.

    ``alpha`` is the chance of a false alarm in the monitor's whole life (with ``engine: alibi``: in each check).
    A metric is too bad below ``minimum`` (errors: above ``maximum``), or where it is ``worse_by`` so much than on the
    reference: by so many points for shares (0.05 is five in a hundred), by such a part for errors (0.1 is a tenth).
    """

    kind: MonitorKind
    """What it looks at; see monitors.md."""
    name: str | None = Field(default=None, min_length=1, max_length=100)
    """What `/model` and alerts call it; default: the kind, with the metric."""
    window: Window = Window(rows=1000)
    """When there is enough for a check."""
    alpha: float = Field(default=0.05, gt=0, lt=1)
    """The chance of a false alarm in the monitor's whole life."""
    engine: Literal["tandem", "alibi"] = "tandem"
    """Who computes: Tandem, or alibi-detect (drift, prediction_drift, multivariate)."""
    metric: Metric | None = None
    """What performance is measured in."""
    worse_by: float | None = Field(default=None, ge=0)
    """How much worse than on the reference is too bad; default: 0.05, for errors 0.1 of the whole."""
    minimum: float | None = None
    """What the metric must not fall below."""
    maximum: float | None = None
    """What an error must not rise above."""
    group: str | None = Field(default=None, min_length=1)
    """The column of the query, for ndcg and mrr."""
    slices: Literal["auto"] | list[str] | None = None
    """Features whose values are judged by themselves; `auto` finds them."""
    fresh_within: Duration | None = None
    """Quality: no predictions for longer is a finding."""
    severity: Severity = Severity.WARNING
    """The severity of its alerts."""

    @property
    def known_as(self) -> str:
        """Its name, or its kind with its metric."""
        return self.name or "-".join([self.kind, *([self.metric] if self.metric else [])])

    @property
    def margin(self) -> float:
        """``worse_by``, or what it is where nothing is said."""
        if self.worse_by is not None:
            return self.worse_by
        return 0.1 if self.metric is not None and self.metric.is_error else 0.05

    @model_validator(mode="after")
    def _of_performance(self) -> Self:
        if not self.kind.of_performance:
            named: dict[str, object] = {"metric": self.metric, "worse_by": self.worse_by, "minimum": self.minimum}
            named |= {"maximum": self.maximum, "slices": self.slices, "group": self.group}
            for key, said in named.items():
                if said is not None:
                    raise ValueError(f"{key} is for monitors of performance, and this one is of kind {self.kind}")
        elif self.metric is None:
            raise ValueError(f"say which metric: {', '.join(Metric)}")
        elif self.kind is MonitorKind.ESTIMATED_PERFORMANCE and self.metric not in ESTIMABLE:
            raise ValueError(f"{self.metric} cannot be estimated without labels; {', '.join(ESTIMABLE)} can")
        elif self.metric.ranks != (self.group is not None):
            raise ValueError("group names the column of the query, for ndcg and mrr and for these alone")
        elif self.slices == "auto" and (self.metric.ranks or self.metric is Metric.ROC_AUC):
            raise ValueError(f"slices are not found by themselves for {self.metric}: name the features")
        return self

    @model_validator(mode="after")
    def _bounds(self) -> Self:
        if self.metric is not None and self.metric.is_error and self.minimum is not None:
            raise ValueError(f"{self.metric} is an error, of which less is better: give a maximum")
        if self.metric is not None and not self.metric.is_error and self.maximum is not None:
            raise ValueError(f"of {self.metric} more is better: give a minimum")
        if self.minimum is not None and not 0 < self.minimum < 1:
            raise ValueError("a minimum is a share between 0 and 1")
        if self.maximum is not None and self.maximum <= 0:
            raise ValueError("a maximum is more than 0")
        return self

    @model_validator(mode="after")
    def _of_its_kind(self) -> Self:
        if self.fresh_within is not None and self.kind is not MonitorKind.QUALITY:
            raise ValueError("fresh_within is for monitors of kind quality")
        if self.engine == "alibi" and self.kind not in _ALIBI:
            raise ValueError(f"engine: alibi is for monitors of kind {', '.join(_ALIBI)}")
        return self


_ALIBI = (MonitorKind.DRIFT, MonitorKind.PREDICTION_DRIFT, MonitorKind.MULTIVARIATE)


class WatchedModel(_Section):
    """What the pipeline knows of a model: its features by name, and its monitors by name."""

    features: dict[str, FeatureRules] = {}
    monitors: dict[str, MonitorRules] = {}


def by_name(monitors: list[MonitorRules]) -> dict[str, MonitorRules]:
    """Monitors by what they are known as. Raises ValueError where two have one name."""
    named = {monitor.known_as: monitor for monitor in monitors}
    if len(named) < len(monitors):
        known = [monitor.known_as for monitor in monitors]
        twice = next(name for name in known if known.count(name) > 1)
        raise ValueError(f"two monitors are known as {twice!r}: give them names")
    return named
