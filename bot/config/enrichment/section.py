"""One entry of ``enrich:``."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Annotated, Self
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from bot.domain.duration import Duration
from bot.domain.enrichment.derived import compiled
from bot.domain.enrichment.places import places_in
from bot.domain.mapping import Expression
from bot.remediation.executors.web import Headers, Url

Label = Annotated[str, Field(pattern=r"^[a-zA-Z_][a-zA-Z0-9_]*$", max_length=200)]
_KINDS = ("csv", "http", "regex", "jmespath")


def _check_pattern(pattern: str) -> str:
    groups = list(compiled(pattern).groupindex)
    if not groups:
        raise ValueError(f"{pattern!r} has no named group: write (?P<label>…) for what becomes a label")
    return pattern


def _check_places(url: str) -> str:
    places = places_in(url)
    if not places:
        raise ValueError("no label stands in it: write {service}, or another label, where the alert's value belongs")
    where = urlsplit(url)
    if places_in(f"{where.scheme}{where.netloc}{where.fragment}"):
        raise ValueError("labels may stand in its path and its query, never in the host: an alert chooses no host")
    return url


def _check_timeout(span: timedelta) -> timedelta:
    if not timedelta(milliseconds=50) <= span <= timedelta(seconds=5):
        raise ValueError("write 50ms to 5s: the sender of an alert waits for it")
    return span


class LookupSection(BaseModel):
    """A system that is asked with GET, and answers with a JSON object."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    url: Annotated[Url, AfterValidator(_check_places)]
    """The address, with labels of the alert in its path or query: `https://cmdb.example/services/{service}`; also
    `{annotations.summary}`."""
    headers: Headers = {}
    """Headers: a text, or `{secret: NAME, prefix: …}`, which is filled in from `TANDEM_SECRET_NAME`."""
    fields: dict[Label, Expression] = {}
    """Where in the answer a label of `add` is, as JMESPath (`team: owner.team.name`); default: under its own name."""
    ttl: Annotated[Duration, Field(ge=timedelta(seconds=1), le=timedelta(days=7))] = timedelta(minutes=10)
    """For how long an answer counts; then it is asked again, and used on where nothing answers."""
    timeout: Annotated[Duration, AfterValidator(_check_timeout)] = timedelta(seconds=1)
    """For how long an alert waits for an answer, 5s at most."""
    allow_private: bool = False
    """Whether its address may be a private, loopback or link-local one."""


class PatternSection(BaseModel):
    """A regular expression over a label or an annotation."""

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)

    source: Annotated[str, Field(alias="from", pattern=r"^((labels|annotations)\.)?[^.].{0,198}$")]
    """A label (`instance`) or an annotation (`annotations.summary`); `service` is what the alert is about."""
    pattern: Annotated[str, Field(min_length=1, max_length=1000), AfterValidator(_check_pattern)]
    """RE2's syntax, found anywhere in the text; each named group `(?P<label>…)` becomes a label."""

    @property
    def labels(self) -> list[str]:
        return list(compiled(self.pattern).groupindex)


class EnrichSection(BaseModel):
    """Labels that are added to every alert that comes in: one of `csv`, `http`, `regex` and `jmespath`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    csv: Annotated[str, Field(min_length=1)] | None = None
    """A CSV file whose first line names the columns, relative to tandem.yaml. It is read at the start."""
    http: LookupSection | None = None
    """A system that is asked for each alert, with its answers kept for a while."""
    regex: PatternSection | None = None
    """A regular expression whose named groups become labels."""
    jmespath: Annotated[dict[Label, Expression], Field(min_length=1, max_length=50)] | None = None
    """Labels, each with an expression over `{labels, annotations, service}` of the alert."""
    on: Annotated[list[Label], Field(min_length=1, max_length=10)] = []
    """With `csv`: the columns that are looked up by labels of the alert; `service` is what the alert is about."""
    add: Annotated[list[Label], Field(min_length=1, max_length=50)] = []
    """With `csv` or `http`: what becomes a label, where the alert has none of that name of its own."""

    @model_validator(mode="after")
    def _is_of_one_kind(self) -> Self:
        for problem in self._problems():
            raise ValueError(problem)
        return self

    def _problems(self) -> Iterator[str]:
        kinds = [kind for kind in _KINDS if getattr(self, kind) is not None]
        if len(kinds) != 1:
            given = " and ".join(kinds) or "none"
            yield f"an entry has one of {', '.join(_KINDS[:-1])} and {_KINDS[-1]}, and this one has {given}"
        if self.on and self.csv is None:
            yield "on belongs to csv: what http is asked with stands in its url"
        if self.add and self.csv is None and self.http is None:
            yield f"add belongs to csv and http: with {kinds[0]}, the labels are named in it"
        if self.csv is not None and not self.on:
            yield "on is missing: the columns that are looked up by the alert's labels"
        if (self.csv is not None or self.http is not None) and not self.add:
            yield "add is missing: what becomes a label"
        if both := sorted({*self.on} & {*self.add}):
            yield f"{both[0]} is looked up, so that it cannot be added, too"
        if self.http and (needless := sorted(self.http.fields.keys() - {*self.add})):
            yield f"http.fields has {needless[0]}, which is not in add"

    @property
    def labels(self) -> list[str]:
        """Those that it may add."""
        if self.regex is not None:
            return self.regex.labels
        return list(self.jmespath) if self.jmespath is not None else self.add

    @property
    def key_of_labels(self) -> tuple[str, ...]:
        """Where they stand."""
        if self.regex is not None:
            return ("regex", "pattern")
        return ("jmespath",) if self.jmespath is not None else ("add",)
