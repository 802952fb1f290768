"""OpenLineage run events: who reads and writes what, how runs went, and what was asserted of datasets.

https://openlineage.io/spec/2-0-2/OpenLineage.json and https://openlineage.io/docs/spec/facets/

An event about a job alone is taken for its edges, one about a dataset alone for its assertions.
"""

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime

import msgspec

from bot.domain.event import EdgesEvent, Event, LineageEvent, bounded
from bot.domain.lineage.observed import Asserted, Run, RunState, Written
from bot.domain.severity import Severity
from detectors.logs.secrets import mask_secrets
from handlers.sources.clean import clean, clean_link
from handlers.sources.lenient import lenient
from handlers.sources.registry import Malformed, decoded
from handlers.sources.timestamps import Moment, in_utc

NAME = "openlineage"
MOST_DATASETS = 200
MOST_ASSERTIONS = 500
_MOST_TEXT = 300
_AHEAD_MS = 600_000
_STATES = {
    **{"START": RunState.START, "RUNNING": RunState.RUNNING, "COMPLETE": RunState.COMPLETE},
    **{"FAIL": RunState.FAILED, "ABORT": RunState.FAILED},
}
_SEVERITIES = {"warn": Severity.INFO, "warning": Severity.INFO, "info": Severity.INFO}
_NO_CHANGE = frozenset({"", "CREATE"})

Names = Callable[[Sequence[str]], str]
"""The first of some names that the topology describes, and else the last of them."""


class _Part(msgspec.Struct, frozen=True, rename="camel"):
    """A part of an event, in the spelling of the specification."""


class _Identifier(_Part, frozen=True):
    namespace: str = ""
    name: str = ""


class _Symlinks(_Part, frozen=True):
    identifiers: list[_Identifier] = []


class _Version(_Part, frozen=True):
    dataset_version: str = ""


class _Field(_Part, frozen=True):
    name: str = ""
    type: str = ""


class _Schema(_Part, frozen=True):
    fields: list[_Field] = []


class _Lifecycle(_Part, frozen=True):
    lifecycle_state_change: str = ""


class _Assertion(_Part, frozen=True):
    assertion: str
    success: bool
    column: str | None = None
    severity: str | None = None
    name: str | None = None
    expected: str | None = None
    actual: str | None = None


class _Assertions(_Part, frozen=True):
    assertions: list[_Assertion] = []


class _DatasetFacets(_Part, frozen=True):
    symlinks: _Symlinks | None = None
    version: _Version | None = None
    schema: _Schema | None = None
    lifecycle_state_change: _Lifecycle | None = None
    data_quality_assertions: _Assertions | None = None


class _Dataset(_Part, frozen=True):
    name: str
    namespace: str = ""
    facets: _DatasetFacets | None = None
    input_facets: _DatasetFacets | None = None
    output_facets: _DatasetFacets | None = None


class _Location(_Part, frozen=True):
    version: str = ""
    url: str = ""


class _JobFacets(_Part, frozen=True):
    source_code_location: _Location | None = None


class _Job(_Part, frozen=True):
    name: str
    namespace: str = ""
    facets: _JobFacets | None = None


class _Error(_Part, frozen=True):
    message: str = ""


class _ParentRun(_Part, frozen=True):
    run_id: str = ""


class _Parent(_Part, frozen=True):
    run: _ParentRun | None = None
    job: _Job | None = None


class _Tag(_Part, frozen=True):
    key: str = ""
    value: str = ""


class _Tags(_Part, frozen=True):
    tags: list[_Tag] = []


class _RunFacets(_Part, frozen=True):
    error_message: _Error | None = None
    parent: _Parent | None = None
    tags: _Tags | None = None


class _Run(_Part, frozen=True):
    run_id: str
    facets: _RunFacets | None = None


class _Delivery(_Part, frozen=True):
    event_time: Moment
    event_type: str = ""
    run: _Run | None = None
    job: _Job | None = None
    dataset: _Dataset | None = None
    inputs: list[_Dataset] = []
    outputs: list[_Dataset] = []


_decode = lenient(_Delivery)


def parse(
    body: bytes, received_at: datetime, labels: Mapping[str, str], partition_by: Sequence[str], names: Names
) -> list[Event]:
    """The events of one run event. ``labels`` are those of its correlation domain. Raises Malformed."""
    event = decoded(_decode, body)
    if event.job is None and event.dataset is None:
        raise Malformed("it has neither a job nor a dataset: it is no event of OpenLineage")
    if len(event.inputs) + len(event.outputs) > MOST_DATASETS:
        raise Malformed(f"at most {MOST_DATASETS} datasets are taken at once")
    at = min(_milliseconds(event.event_time), int(received_at.timestamp() * 1000) + _AHEAD_MS)
    if event.job is None:
        return _of_dataset(event, at, labels, names)
    facets = event.run.facets if event.run is not None and event.run.facets is not None else _RunFacets()
    domain = {**_tagged(facets, partition_by), **labels}
    job = _job_name(event.job, names)
    datasets = _Datasets(event, names)
    edges = list(dict.fromkeys(_edges(event, facets, job, datasets, names)))
    found: list[Event] = [EdgesEvent(NAME, domain, edges, seldom=True)] if edges else []
    if event.run is None:
        return found
    written = [_written(one, name) for one, name in zip(event.outputs, datasets.outputs, strict=True)]
    asserted = [
        *_asserted(zip(event.inputs, datasets.inputs, strict=True)),
        *_asserted(zip(event.outputs, datasets.outputs, strict=True)),
    ]
    if len(asserted) > MOST_ASSERTIONS:
        raise Malformed(f"at most {MOST_ASSERTIONS} assertions are taken at once")
    return [*found, LineageEvent(NAME, domain, at, _run(event, event.run, facets, job, names), written, asserted)]


def _of_dataset(event: _Delivery, at: int, labels: Mapping[str, str], names: Names) -> list[Event]:
    """What is asserted of a dataset without a run."""
    dataset = event.dataset
    asserted = list(_asserted([(dataset, _dataset_name(dataset, names))])) if dataset is not None else []
    run = Run(job="", id="", state=RunState.OTHER)
    return [LineageEvent(NAME, dict(labels), at, run, asserted=asserted[:MOST_ASSERTIONS])] if asserted else []


def _run(event: _Delivery, run: _Run, facets: _RunFacets, job: str, names: Names) -> Run:
    """A run with an error has failed, whatever the type of its event: Spark's are COMPLETE."""
    error, parent = facets.error_message, facets.parent
    state = _STATES.get(event.event_type.upper(), RunState.OTHER)
    location = event.job.facets.source_code_location if event.job is not None and event.job.facets is not None else None
    return Run(
        job=job,
        id=bounded(clean(run.run_id)),
        state=RunState.FAILED if error is not None else state,
        error=_short(error.message) if error is not None else "",
        commit=clean(location.version)[:_MOST_TEXT] if location is not None else "",
        link=clean_link(location.url) if location is not None else "",
        parent=_job_name(parent.job, names) if parent is not None and parent.job is not None else "",
        parent_run=bounded(clean(parent.run.run_id)) if parent is not None and parent.run is not None else "",
    )


class _Datasets:
    """The names of an event's datasets. What is written may have a name by its last part alone, and what is read may
    have it where nothing that is written has: ``raw/sales`` is another than ``shop.public.sales``."""

    def __init__(self, event: _Delivery, names: Names) -> None:
        self.outputs = [_dataset_name(one, names) for one in event.outputs]
        self.inputs = [_dataset_name(one, names, frozenset(self.outputs)) for one in event.inputs]


def _edges(
    event: _Delivery, facets: _RunFacets, job: str, datasets: _Datasets, names: Names
) -> Iterator[tuple[str, str]]:
    """A job depends on what it reads, what it writes on the job, and a job on those that it consists of."""
    yield from ((job, name) for name in datasets.inputs)
    yield from ((name, job) for name in datasets.outputs)
    if facets.parent is not None and facets.parent.job is not None:
        yield _job_name(facets.parent.job, names), job


def _written(dataset: _Dataset, name: str) -> Written:
    facets = dataset.facets or _DatasetFacets()
    fields = sorted((one.name, one.type) for one in facets.schema.fields) if facets.schema is not None else []
    lifecycle = (facets.lifecycle_state_change or _Lifecycle()).lifecycle_state_change
    return Written(
        name,
        version=clean(facets.version.dataset_version)[:_MOST_TEXT] if facets.version is not None else "",
        schema=hashlib.blake2b(repr(fields).encode(errors="replace"), digest_size=8).hexdigest() if fields else "",
        lifecycle="" if lifecycle.upper() in _NO_CHANGE else clean(lifecycle)[:40].lower(),
    )


def _asserted(datasets: Iterable[tuple[_Dataset, str]]) -> Iterator[Asserted]:
    """Assertions of earlier versions of the specification are among the facets of an input."""
    for dataset, service in datasets:
        for facets in (dataset.facets, dataset.input_facets, dataset.output_facets):
            if facets is None or facets.data_quality_assertions is None:
                continue
            for one in facets.data_quality_assertions.assertions:
                told = f"expected {one.expected}, was {one.actual}" if one.expected and one.actual else ""
                yield Asserted(
                    service,
                    _short(one.name or one.assertion),
                    one.success,
                    _short(one.column or ""),
                    _SEVERITIES.get((one.severity or "").lower(), Severity.WARNING),
                    _short(told),
                )


def _tagged(facets: _RunFacets, partition_by: Sequence[str]) -> dict[str, str]:
    tags = facets.tags.tags if facets.tags is not None else []
    return {one.key: clean(one.value)[:_MOST_TEXT] for one in tags if one.key in partition_by and one.value}


def _job_name(job: _Job, names: Names) -> str:
    return names([f"{job.namespace}/{job.name}", job.name])


def _dataset_name(dataset: _Dataset, names: Names, taken: frozenset[str] = frozenset()) -> str:
    """As the topology calls it: with or without its namespace, by another of its names, or by the last part of it."""
    facets = dataset.facets or _DatasetFacets()
    others = facets.symlinks.identifiers if facets.symlinks is not None else []
    known = [(dataset.namespace, dataset.name), *((one.namespace, one.name) for one in others[:20])]
    whole = [text for namespace, name in known for text in (f"{namespace}/{name}", name)]
    parts = [name.rstrip("/").replace("/", ".").rpartition(".")[2] for _, name in known]
    return names([*whole, *(part for part in parts if part not in taken), dataset.name])


def _milliseconds(moment: datetime) -> int:
    utc = in_utc(moment, "$.eventTime")
    return int(utc.timestamp() * 1000) if utc is not None else 0


def _short(text: str) -> str:
    """The first line, without secrets."""
    first = next(iter(text.strip().splitlines()), "")
    return mask_secrets(clean(first))[:_MOST_TEXT]
