"""Events: what comes in, normalised, in the form in which the inbox keeps it."""

import hashlib
from collections.abc import Mapping, Sequence
from datetime import datetime
from enum import StrEnum
from functools import lru_cache

import msgspec

from bot.domain.lineage.observed import Asserted, Run, Written
from bot.domain.llm.observed import Tally

MAX_NAME_BYTES = 1000
"""PostgreSQL's indexes take 2,700 bytes a row, and a row holds two names."""


class AlertStatus(StrEnum):
    FIRING = "firing"
    RESOLVED = "resolved"


class EndedBy(StrEnum):
    """What an end of an alert rests on. Only the word of its sender, given or asked for, shows that it is over."""

    SENDER = "sender"
    """Its sender said so; of our own detectors, because the data is good."""
    RECONCILED = "reconciled"
    """Its sender was asked, and no longer has it."""
    EXPIRED = "expired"
    """Nothing was heard of it for so long that it counts as ended."""
    SOURCE_SILENT = "source_silent"
    """What it was found in no longer comes."""
    NEW_LEVEL = "new_level"
    """It holds the level that came with a change for so long that this is usual, whether it is a good one or not."""
    NEW_REFERENCE = "new_reference"
    """What its data is compared with was replaced."""

    @property
    def shows_it_is_over(self) -> bool:
        return self in (EndedBy.SENDER, EndedBy.RECONCILED)


class ChangeKind(StrEnum):
    DEPLOY = "deploy"
    ROLLBACK = "rollback"
    RELEASE = "release"
    CONFIG = "config"
    SCALING = "scaling"
    MODEL = "model"
    DATA = "data"


LIMIT = "limit"
"""A line of a chart with this name is what the others are not to cross, and nothing that was observed."""


class Trend(msgspec.Struct, frozen=True, omit_defaults=True):
    """How a figure went over time, up to now: ``at`` are milliseconds since 1970 (UTC)."""

    title: str
    at: list[int]
    values: list[float]
    limit: float | None = None


class Chart(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a detector saw, small enough to travel with its alert: lines over time, or bars over bins.

    ``x`` holds milliseconds since 1970 (UTC) for lines, and the bins' names for bars; every line of ``lines`` has as
    many values, None where there was none. ``low`` and ``high`` bound what was expected, where that is known. ``trend``
    is drawn beside bars.
    """

    title: str
    x: list[int | str]
    lines: dict[str, list[float | None]]
    low: list[float | None] = []
    high: list[float | None] = []
    unit: str = ""
    trend: Trend | None = None


class AlertEvent(msgspec.Struct, frozen=True, tag="alert", tag_field="kind", omit_defaults=True):
    """One thing that a sender says is firing or resolved.

    ``group`` is the sender's own grouping; ``truncated`` counts the alerts of that group which the
    sender left out of the delivery. ``acknowledged_by`` is who says there, with this event, that they look after it.
    ``trace`` is the traceparent of the delivery, where deliveries are traced. ``ended_by``: what a resolution rests on.
    ``good_since``: a detector's data is good since then, and its alert waits to be sure of it.
    ``receiver`` is the sender's name for the way by which it came here. ``listed_at``: it is not from a delivery but
    from the sender's own list, as that has been since then; what was delivered later knows better. ``tolerance``:
    by so many seconds it may have begun later than ``starts_at``, which is all that its source can tell.
    """

    source: str
    fingerprint: str
    status: AlertStatus
    labels: dict[str, str]
    starts_at: datetime
    annotations: dict[str, str] = {}
    ends_at: datetime | None = None
    group: str = ""
    truncated: int = 0
    link: str = ""
    chart: Chart | None = None
    acknowledged_by: str = ""
    trace: str = ""
    ended_by: EndedBy = EndedBy.SENDER
    good_since: datetime | None = None
    receiver: str = ""
    listed_at: datetime | None = None
    tolerance: float = 0.0


class GroupResolved(msgspec.Struct, frozen=True, tag="group_resolved", tag_field="kind"):
    """A sender says that everything in one of its groups is resolved, also what it does not list."""

    source: str
    group: str
    labels: dict[str, str]
    ends_at: datetime


class ChangeEvent(msgspec.Struct, frozen=True, tag="change", tag_field="kind", omit_defaults=True):
    """Something that was changed, and might have caused what fires now.

    ``id`` is the sender's name for it: told again with the same id, it is the same change.
    """

    source: str
    id: str
    service: str
    change: ChangeKind
    title: str
    at: datetime
    labels: dict[str, str] = {}
    actor: str = ""
    version: str = ""
    link: str = ""


class Series(msgspec.Struct, frozen=True):
    """One series' samples in the order in which they were sent; ``times`` in milliseconds since 1970 (UTC)."""

    labels: dict[str, str]
    times: list[int]
    values: list[float]


class SamplesEvent(msgspec.Struct, frozen=True, tag="samples", tag_field="kind"):
    """Metric samples; ``labels`` are the ones that all its series share and that name the correlation domain."""

    source: str
    labels: dict[str, str]
    series: list[Series]


class LogLine(msgspec.Struct, frozen=True, omit_defaults=True):
    """``time`` in milliseconds since 1970 (UTC)."""

    time: int
    text: str
    severity: str = ""


class LogsEvent(msgspec.Struct, frozen=True, tag="logs", tag_field="kind", omit_defaults=True):
    """Lines of one log stream, which ``labels`` name. ``service`` is whose they are by their traces, where that is not
    in the labels."""

    source: str
    labels: dict[str, str]
    lines: list[LogLine]
    service: str = ""


NOT_INLINE = msgspec.Raw()
"""This very object is left out when an event is encoded; another empty one would be written, and be no JSON."""


class RowsKind(StrEnum):
    PREDICTIONS = "predictions"
    LABELS = "labels"
    STATISTICS = "statistics"
    """Of predictions that stayed in a database."""


class RowsEvent(msgspec.Struct, frozen=True, tag="rows", tag_field="kind", omit_defaults=True):
    """Predictions of a model, or labels for them. The rows themselves are a frame, which ``digest`` names.

    A few rows may come ``inline`` instead, a JSON list of rows as the models' endpoint takes them; then no frame is
    kept and the digest may be empty. :mod:`bot.pipeline.stages.keep_rows` puts both kinds where
    :mod:`bot.model_store.batches` reads them from.
    ``first_at`` and ``last_at`` are the first and last moment of the rows, None for that of the receipt. ``key`` is
    what the sender calls the batch: the same rows under the same key are kept once.
    """

    source: str
    model: str
    holds: RowsKind
    digest: str
    rows: int
    labels: dict[str, str] = {}
    version: str = ""
    first_at: datetime | None = None
    last_at: datetime | None = None
    inline: msgspec.Raw = NOT_INLINE
    key: str = ""


class PingEvent(msgspec.Struct, frozen=True, tag="ping", tag_field="kind", omit_defaults=True):
    """A heartbeat reports, and says so where what it stands for has failed."""

    source: str
    name: str
    labels: dict[str, str]
    failed: bool = False


class LlmEvent(msgspec.Struct, frozen=True, tag="llm", tag_field="kind"):
    """What was observed of an application's calls of language models, which came together; ``labels`` name it.

    ``at`` is when the last of them ended, in milliseconds since 1970 (UTC).
    """

    source: str
    labels: dict[str, str]
    at: int
    tallies: list[Tally]


class EdgesEvent(msgspec.Struct, frozen=True, tag="edges", tag_field="kind", omit_defaults=True):
    """Services, each with another that it depends on, as somebody saw; ``labels`` name the correlation domain.

    ``seldom``: what shows them may come once a month, and they are known for longer.
    """

    source: str
    labels: dict[str, str]
    edges: list[tuple[str, str]]
    seldom: bool = False


class LineageEvent(msgspec.Struct, frozen=True, tag="lineage", tag_field="kind", omit_defaults=True):
    """What a run of a job reports; ``at`` in milliseconds since 1970 (UTC)."""

    source: str
    labels: dict[str, str]
    at: int
    run: Run
    written: list[Written] = []
    asserted: list[Asserted] = []


Event = (
    AlertEvent
    | GroupResolved
    | ChangeEvent
    | SamplesEvent
    | LogsEvent
    | RowsEvent
    | PingEvent
    | LlmEvent
    | EdgesEvent
    | LineageEvent
)

encode_events = msgspec.json.Encoder().encode
decode_events = msgspec.json.Decoder(list[Event]).decode


def fingerprint_of(labels: Mapping[str, str]) -> str:
    """A stable name for a set of labels, for senders that give none."""
    joined = "\0".join(f"{key}\1{labels[key]}" for key in sorted(labels))
    return hashlib.blake2b(joined.encode(), digest_size=8).hexdigest()


def bounded(name: str) -> str:
    """A name that an index can hold. One that is too long ends in a digest, so that it stays another than its like.

    >>> bounded("checkout"), len(bounded("x" * 5000))
    ('checkout', 977)
    """
    encoded = name.encode()
    if len(encoded) <= MAX_NAME_BYTES:
        return name
    digest = hashlib.blake2b(encoded, digest_size=8).hexdigest()
    return f"{encoded[: MAX_NAME_BYTES - 40].decode(errors='ignore')}…{digest}"


def domain_of(labels: Mapping[str, str], partition_by: Sequence[str]) -> str:
    """The correlation domain: the values of the ``partition_by`` labels. Alerts of different domains never meet."""
    if not partition_by:
        return ""
    if len(partition_by) == 1:
        return bounded(labels.get(partition_by[0], ""))
    # or "a/b" and "c" would be the domain of "a" and "b/c"
    values = (labels.get(label, "").replace("%", "%25").replace("/", "%2F") for label in partition_by)
    return bounded("/".join(values))


@lru_cache(maxsize=4096)
def partition_of(domain: str, partitions: int) -> int:
    """The partition in ``[0, partitions)`` that works on a domain; the same on every machine and for ever."""
    return int.from_bytes(hashlib.blake2b(domain.encode(), digest_size=4).digest()) % partitions


def service_of(labels: Mapping[str, str], service_labels: Sequence[str]) -> str:
    """The service an alert is about: the first of ``service_labels`` that is present, or an empty string."""
    return bounded(next((labels[label] for label in service_labels if labels.get(label)), ""))
