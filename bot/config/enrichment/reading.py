"""The entries of ``enrich:`` as they are applied; tables from files are read once at the start, and what is wrong with
one is told with file and line."""

import csv
import hashlib
import io
from collections.abc import Iterator, Sequence
from pathlib import Path
from urllib.parse import urlsplit

from bot.config.enrichment.section import EnrichSection
from bot.config.nearest import nearest
from bot.domain.enrichment import Lookup, Step, Table
from bot.domain.enrichment.derived import Expressions, Pattern
from bot.domain.enrichment.places import places_in
from bot.errors import ConfigError

MOST_BYTES = 32 * 2**20
MOST_ROWS = 200_000
_LONGEST = 1000


def read_steps(sections: Sequence[tuple[str, EnrichSection]], folder: Path) -> tuple[Step, ...]:
    """A step for each section, which has its place in tandem.yaml. Raises ConfigError, with a line per problem."""
    steps: list[Step] = []
    problems: list[str] = []
    for place, section in sections:
        try:
            steps.append(_step(place, section, folder))
        except ConfigError as error:
            problems.append(str(error))
    if problems:
        raise ConfigError("\n".join(problems))
    return tuple(steps)


def _step(place: str, section: EnrichSection, folder: Path) -> Step:
    version = _digest(section.model_dump_json().encode())
    if section.csv is not None:
        return _read(place, section, section.csv, folder / section.csv)
    if (http := section.http) is not None:
        fields = {label: http.fields.get(label) or f'"{label}"' for label in section.add}
        host = str(urlsplit(http.url).hostname)
        return Lookup(host, version, http.url, tuple(places_in(http.url)), fields, http.ttl, http.timeout)
    if (regex := section.regex) is not None:
        return Pattern(f"regex on {regex.source}", version, regex.source, regex.pattern)
    return Expressions("jmespath", version, section.jmespath or {})


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()[:12]


def _read(place: str, section: EnrichSection, name: str, file: Path) -> Table:
    content = _content(place, file)
    try:
        rows = _rows(place, section, file, content.decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        raise ConfigError(f"{place}: {file} is no text in UTF-8") from error
    except csv.Error as error:
        raise ConfigError(f"{place}: {file} is no CSV: {error}") from error
    return Table(name, _digest(content), tuple(section.on), tuple(section.add), rows)


def _content(place: str, file: Path) -> bytes:
    try:
        if file.stat().st_size > MOST_BYTES:
            raise ConfigError(f"{place}: {file} is larger than {MOST_BYTES // 2**20} MiB")
        return file.read_bytes()
    except OSError as error:
        raise ConfigError(f"{place}: {file} cannot be read: {error.strerror}") from error


def _rows(place: str, section: EnrichSection, file: Path, text: str) -> dict[tuple[str, ...], tuple[str, ...]]:
    lines = csv.reader(io.StringIO(text, newline=""), strict=True)
    columns = [name.strip() for name in next(lines, [])]
    on, add = (list(_positions(place, file, columns, names)) for names in (section.on, section.add))
    found: dict[tuple[str, ...], tuple[str, ...]] = {}
    for cells in lines:
        if not any(cell.strip() for cell in cells):
            continue
        if len(cells) != len(columns):
            raise ConfigError(f"{file}:{lines.line_num}: {len(cells)} cells, and the first line has {len(columns)}")
        key = tuple(cells[at].strip() for at in on)
        if key in found:
            raise ConfigError(f"{file}:{lines.line_num}: {', '.join(key)} was in a line before: which one counts?")
        found[key] = tuple(cells[at].strip()[:_LONGEST] for at in add)
        if len(found) > MOST_ROWS:
            raise ConfigError(f"{place}: {file} has more than {MOST_ROWS} rows")
    return found


def _positions(place: str, file: Path, columns: Sequence[str], names: Sequence[str]) -> Iterator[int]:
    for name in names:
        if name not in columns:
            raise ConfigError(f"{place}: {file} has no column {name}{nearest(name, columns)}")
        yield columns.index(name)
