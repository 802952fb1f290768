"""Grouping of log lines by their template, on systems of Loghub, with one configuration for all of them.

Every folder X of DIR/loghub with a file X_2k.log_structured.csv is scored. The lines are streamed, Content alone; the
speed is in CPU seconds of one core, with a miner that knows nothing yet, the best of some rounds.
"""

import csv
import time
from collections import defaultdict
from collections.abc import Hashable, Sequence
from pathlib import Path
from typing import NamedTuple

from detectors.logs import Miner
from tests.benchmarks.command import parser_for, report, require
from tests.benchmarks.compare import LOGS, VARIABLE, ask

ROUNDS = 5


class System(NamedTuple):
    name: str
    line_ids: list[str]
    lines: list[str]
    truth: list[str]


def main() -> None:
    parser = parser_for(__doc__ or "")
    parser.add_argument("--compare", action="store_true", help=f"score drain3 as well, see {VARIABLE}")
    options = parser.parse_args()
    systems = [_read(path) for path in _files(require(options.data / "loghub"))]
    groups = {system.name: group(system.lines) for system in systems}
    if options.out:
        _write(options.out, systems, groups)
    scores = {system.name: accuracy(groups[system.name], system.truth) for system in systems}
    mean = sum(scores.values()) / len(scores)
    others = {"others": _others(systems)} if options.compare else {}
    report({"mean": mean, "lines_per_s": _lines_per_second(systems), "systems": scores, **others})


def _others(systems: Sequence[System]) -> dict[str, dict[str, float]]:
    """The figures of other miners on the same lines, where there is an interpreter that has them."""
    figures = {}
    for name in LOGS:
        answer = ask(name, [system.lines for system in systems])
        if answer is not None:
            scores = [accuracy(groups, system.truth) for groups, system in zip(answer["found"], systems, strict=True)]
            lines = sum(len(system.lines) for system in systems)
            figures[name] = {"mean": sum(scores) / len(scores), "lines_per_s": lines / answer["seconds"]}
    return figures


def group(lines: Sequence[str]) -> list[int]:
    """Each line's group: the id it was given when it came, or what that id became by a later merge of templates."""
    miner = Miner()
    given = [miner.add(line) for line in lines]
    return [miner.current(template) for template in given]


def accuracy(groups: Sequence[Hashable], truth: Sequence[Hashable]) -> float:
    """The share of lines whose group has exactly the members of its true group."""
    true_groups = set(_members(truth))
    return sum(len(members) for members in _members(groups) if members in true_groups) / len(truth)


def _members(labels: Sequence[Hashable]) -> list[tuple[int, ...]]:
    members: defaultdict[Hashable, list[int]] = defaultdict(list)
    for line, label in enumerate(labels):
        members[label].append(line)
    return [tuple(lines) for lines in members.values()]


def _files(folder: Path) -> list[Path]:
    files = [system / f"{system.name}_2k.log_structured.csv" for system in sorted(folder.iterdir())]
    found = [file for file in files if file.is_file()]
    require(found[0].parent if found else folder / "<system>")
    return found


def _read(path: Path) -> System:
    with path.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    columns = ([row[column] for row in rows] for column in ("LineId", "Content", "EventId"))
    return System(path.parent.name, *columns)


def _write(folder: Path, systems: Sequence[System], groups: dict[str, list[int]]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for system in systems:
        with (folder / f"{system.name}.csv").open("w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file)
            writer.writerow(["LineId", "group"])
            writer.writerows(zip(system.line_ids, groups[system.name], strict=True))


def _lines_per_second(systems: Sequence[System]) -> float:
    return sum(len(system.lines) for system in systems) / min(_seconds(systems) for _ in range(ROUNDS))


def _seconds(systems: Sequence[System]) -> float:
    begin = time.process_time()
    for system in systems:
        miner = Miner()
        for line in system.lines:
            miner.add(line)
    return time.process_time() - begin


if __name__ == "__main__":
    main()
