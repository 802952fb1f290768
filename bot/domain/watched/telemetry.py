"""What of the metrics and logs that flow in is watched, and how often a false alarm may be."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Annotated

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, field_validator

from bot.domain.duration import Duration
from bot.domain.matcher import Matcher, matches_all, parse_matcher
from bot.domain.severity import Severity
from bot.domain.watched.calendar import holidays_of
from bot.domain.watched.forecast import Forecasting, LimitSeries
from bot.domain.window import Zone


def _read(given: object) -> object:
    return parse_matcher(given) if isinstance(given, str) else given


Matchers = Annotated[list[Annotated[Matcher, BeforeValidator(_read)]], Field(min_length=1)]


def _check_country(country: str) -> str:
    if country:
        holidays_of(country)
    return country


class Watched(BaseModel):
    """Series or streams that are alike: whose labels fit all matchers. ``by`` tells the groups apart that alert."""

    model_config = ConfigDict(frozen=True, extra="forbid", arbitrary_types_allowed=True)

    match: Matchers
    """Matchers on labels, all of which must match; a metric's name is `__name__`."""
    by: list[str] = ["service", "job"]
    """The labels that tell groups apart; one alert a group."""
    severity: Severity = Severity.WARNING
    """The severity of its alerts."""
    one_false_alarm_in: Duration = timedelta(days=7)
    """At most one false alarm is to be expected in this time, for each group."""
    zone: Zone = "UTC"
    """The time zone in which metrics have their days and weeks, also over changes of clocks; not for logs."""
    country: Annotated[str, AfterValidator(_check_country)] = ""
    """The country whose public holidays are like Sundays to metrics (`DE`, or a part of it, `DE-BY`); not for logs."""

    def covers(self, labels: Mapping[str, str]) -> bool:
        return matches_all(self.match, labels)


class WatchedSeries(Watched):
    """Series, which may have a limit that they are not to cross."""

    settle: Annotated[Duration, Field(ge=timedelta(minutes=10))] = timedelta(hours=2)
    """How long a level that came with a change of its service holds until it is usual; of failures, a day."""
    forecast: Forecasting | None = None
    """An alert before a series crosses its limit; default: none. See [forecasts](../forecasts.md)."""


class WatchRules(BaseModel):
    """``watch`` by name; what flows in belongs to the first that covers it, and to none where none does."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    watch: Mapping[str, Watched] = {}
    """What is watched, by name; a series belongs to the first entry that matches."""

    def watched_as(self, labels: Mapping[str, str]) -> str | None:
        """The name under which a series or stream is watched; a metric's name is the label ``__name__``."""
        return next((name for name, watched in self.watch.items() if watched.covers(labels)), None)


class MetricRules(WatchRules):
    """At most ``most_series`` are learnt at a time; what is not seen for ``forget_after`` makes room. Samples that were
    learnt from stay in the inbox for ``keep_samples``.
    """

    watch: Mapping[str, WatchedSeries] = {}
    """What is watched, by name; a series belongs to the first entry that matches."""
    most_series: int = Field(default=20_000, ge=1)
    """Most series learnt at a time; more are counted and left out."""
    forget_after: Duration = timedelta(days=1)
    """A series unseen for so long makes room."""
    keep_samples: Duration = timedelta(hours=1)
    """How long samples stay in the inbox."""

    @property
    def forecasts(self) -> bool:
        """Whether anything is forecast."""
        return any(one.forecast for one in self.watch.values())

    def is_limit(self, metric: str) -> bool:
        """Whether a metric of this name is the limit of watched series."""
        limits = (one.forecast.limit for one in self.watch.values() if one.forecast)
        return any(isinstance(one, LimitSeries) and one.metric == metric for one in limits)


class LogRules(WatchRules):
    """For streams of log lines. ``learn_for`` passes before a template can be unseen.

    Lines that were learnt from stay in the inbox for ``keep_lines``.
    """

    most_streams: int = Field(default=1_000, ge=1)
    """Most groups of streams learnt at a time."""
    learn_for: Duration = timedelta(hours=1)
    """How long a group is learnt before a line can be new."""
    forget_after: Duration = timedelta(days=7)
    """A group silent for so long makes room."""
    keep_lines: Duration = timedelta(hours=1)
    """How long lines stay in the inbox."""

    @field_validator("watch")
    @classmethod
    def _has_no_calendar(cls, watch: dict[str, Watched]) -> dict[str, Watched]:
        for name, one in watch.items():
            if given := sorted({"zone", "country"} & one.model_fields_set):
                raise ValueError(f"{name}.{given[0]} is for metrics: the rates of lines have no profile of the day")
        return watch
