"""What a reader meets at once is bounded: modules of a folder, lines of a file."""

from collections import Counter
from pathlib import Path

ROOT = Path(__file__).parents[3]
FILES = [file for wing in ("bot", "handlers", "detectors", "tests") for file in sorted((ROOT / wing).rglob("*.py"))]
MODULES, LINES = 20, 320

CROWDED = {
    "bot/storage/migrations/versions": (99, "a version of the schema each, which stays where Alembic finds it"),
    "bot/domain": (22, "a word of the design each, and plain types import no folder that would stand for more"),
    "tests/unit/sources": (22, "a source each, beside what tests all of them"),
    "tests/benchmarks": (30, "commands that are run by name, each with the modules that its prefix names"),
}
"""Folders that may hold more modules, how many at most, and why."""

LONG = {
    "tests/unit/handlers/test_otlp.py": (380, "one protocol in two encodings, over one set of payloads"),
    "tests/integration/inbox/test_jetstream.py": (372, "one inbox that is shared by all its tests' servers"),
    "tests/integration/handlers/test_telemetry_doors.py": (357, "one endpoint's answers, over one set of payloads"),
    "tests/acceptance/slack/test_local_slack_page.py": (355, "one page in one browser, which takes long to start"),
}
"""Files that may be longer, how many lines at most, and why. They do not grow: split them instead."""


def test_no_folder_holds_more_modules_than_a_reader_can_look_through() -> None:
    counted = Counter(str(file.parent.relative_to(ROOT)) for file in FILES if file.name != "__init__.py")
    crowded = {folder: count for folder, count in counted.items() if count > CROWDED.get(folder, (MODULES,))[0]}
    assert crowded == {}, "give a concept of them a folder of its own"


def test_no_file_is_longer_than_a_reader_can_keep_in_mind() -> None:
    lengths = {str(file.relative_to(ROOT)): len(file.read_text().splitlines()) for file in FILES}
    long = {file: lines for file, lines in lengths.items() if lines > LONG.get(file, (LINES,))[0]}
    assert long == {}, "split it where its subject splits"


def test_what_is_allowed_more_needs_it() -> None:
    counted = Counter(str(file.parent.relative_to(ROOT)) for file in FILES if file.name != "__init__.py")
    needless = [folder for folder in CROWDED if counted[folder] <= MODULES]
    needless += [file for file in LONG if len((ROOT / file).read_text().splitlines()) <= LINES]
    assert needless == []
