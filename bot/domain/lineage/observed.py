"""What a run of a job reports of itself and of its datasets, normalised."""

from enum import StrEnum

import msgspec

from bot.domain.severity import Severity


class RunState(StrEnum):
    """``OTHER`` is what says nothing of how the run goes."""

    START = "start"
    RUNNING = "running"
    COMPLETE = "complete"
    FAILED = "failed"
    OTHER = "other"


class Written(msgspec.Struct, frozen=True, omit_defaults=True):
    """A dataset that a run writes: its service, and what is known of the version that it makes.

    ``schema`` is a digest of its columns and their types, ``lifecycle`` what else was done to it: dropped, truncated …
    """

    service: str
    version: str = ""
    schema: str = ""
    lifecycle: str = ""


class Asserted(msgspec.Struct, frozen=True, omit_defaults=True):
    """An assertion on a dataset and how it ended."""

    service: str
    name: str
    passed: bool
    column: str = ""
    severity: Severity = Severity.WARNING
    said: str = ""


class Run(msgspec.Struct, frozen=True, omit_defaults=True):
    """A run of a job, by its id. ``parent`` is the job that it is a part of, and ``parent_run`` the run of that.

    ``job`` is empty where a dataset is reported of without a run.
    """

    job: str
    id: str
    state: RunState
    error: str = ""
    commit: str = ""
    link: str = ""
    parent: str = ""
    parent_run: str = ""


class RunRecord(msgspec.Struct):
    """When something was last reported of a run, in milliseconds, and whether it failed."""

    at: int
    failed: bool


class Job(msgspec.Struct):
    """What is known of a job. ``parts`` are the jobs within each of its runs, and how they went last."""

    service: str
    labels: dict[str, str]
    runs: dict[str, RunRecord] = {}
    parts: dict[str, dict[str, RunRecord]] = {}
    outputs: list[str] = []
    commit: str = ""
    fires_since: int = 0

    def note(self, run: str, at: int, failed: bool, most: int) -> None:
        """Note how a run ended, in whatever order that is reported."""
        known = self.runs.get(run)
        record = RunRecord(max(at, known.at if known else 0), failed or (known is not None and known.failed))
        self.runs = _last({**self.runs, run: record}, most)

    def note_part(self, parent_run: str, part: str, at: int, failed: bool, most: int) -> None:
        """Note how a job within a run ended: what it was tried again counts by the last try."""
        parts = self.parts.get(parent_run, {})
        if part not in parts or parts[part].at <= at:
            parts = {**parts, part: RunRecord(at, failed)}
        self.parts = dict(list({**self.parts, parent_run: _last(parts, most)}.items())[-most:])

    def last(self) -> tuple[str, RunRecord] | None:
        """The run that ended last, and how it did: also by what it consists of."""
        if not self.runs:
            return None
        run, record = max(self.runs.items(), key=lambda one: one[1].at)
        within = any(part.failed for part in self.parts.get(run, {}).values())
        return run, RunRecord(record.at, record.failed or within)


class Version(msgspec.Struct, omit_defaults=True):
    """A version of a dataset: which run of which job wrote it, from which commit; ``at`` in milliseconds."""

    at: int
    version: str = ""
    run: str = ""
    job: str = ""
    commit: str = ""
    schema: str = ""


class AssertionRecord(msgspec.Struct):
    at: int
    failed: bool
    fires_since: int = 0


class Dataset(msgspec.Struct):
    """What is known of a dataset: its last versions, the eldest first, and its assertions by name and column."""

    service: str
    labels: dict[str, str]
    versions: list[Version] = []
    assertions: dict[str, AssertionRecord] = {}
    unwritten_since: int = 0

    def write(self, version: Version, most: int) -> Version | None:
        """Keep a version; what was the last one before it, None for the first and for what is late."""
        for place, known in enumerate(self.versions):
            if version.version and known.version == version.version and not known.job:  # it was seen before
                self.versions = [*self.versions[:place], _reported(known, version), *self.versions[place + 1 :]]
                return None
        before = self.versions[-1] if self.versions else None
        if before is not None and (before.at > version.at or before.run == version.run):
            if before.run == version.run:
                self.versions = [*self.versions[:-1], _completed(before, version)]
            return None
        self.versions = [*self.versions, version][-most:]
        return before

    def observe(self, version: Version, most: int) -> None:
        """Keep a version that was seen, of which no job reported; what is known of it stays."""
        if all(known.version != version.version for known in self.versions):
            self.versions = sorted([*self.versions, version], key=lambda one: one.at)[-most:]


def _reported(seen: Version, version: Version) -> Version:
    """A version that was seen before the job that wrote it reported it."""
    return Version(
        min(seen.at, version.at),
        version.version,
        version.run or seen.run,
        version.job,
        version.commit or seen.commit,
        version.schema,
    )


def _completed(known: Version, more: Version) -> Version:
    """A version of which a run reports more than once."""
    return Version(
        max(known.at, more.at),
        more.version or known.version,
        known.run,
        known.job,
        more.commit or known.commit,
        more.schema or known.schema,
    )


def _last(records: dict[str, RunRecord], most: int) -> dict[str, RunRecord]:
    if len(records) <= most:
        return records
    return dict(sorted(records.items(), key=lambda one: one[1].at)[-most:])
