"""The list of stages as docs/architecture.md and CONTRIBUTING.md show it: ``python -m tests.unit.docs.stage_table``."""

import re
from collections.abc import Iterable, Iterator
from pathlib import Path

from bot.pipeline.batch import Trigger
from bot.pipeline.stage import Stage, all_stages, ordered

ROOT = Path(__file__).parents[3]
PAGES = ("docs/architecture.md", "CONTRIBUTING.md")
_BETWEEN = re.compile(r"(<!-- stages, from the code -->\n).*?(<!-- end of stages -->)", re.DOTALL)


def table() -> str:
    return "\n".join(_lines())


def _lines() -> Iterator[str]:
    yield "| stage | what it does | reads | writes | after |"
    yield "| --- | --- | --- | --- | --- |"
    for stage in ordered(all_stages().values(), all_stages()):
        contract = " | ".join(map(_listed, (stage.reads, stage.writes, stage.after)))
        yield f"| `{stage.name}`{_when(stage)} | {stage.about} | {contract} |"


def _when(stage: Stage) -> str:
    only = {frozenset({Trigger.TICK}): " (ticks)", frozenset({Trigger.ENTRIES}): " (entries)"}
    return only.get(stage.on, "")


def _listed(names: Iterable[str]) -> str:
    return ", ".join(f"`{name}`" for name in sorted(names))


def with_table(text: str) -> str:
    """A page with the list as it is now; the markers say where."""
    return _BETWEEN.sub(lambda found: f"{found[1]}{table()}\n{found[2]}", text)


def main() -> None:
    for page in PAGES:
        path = ROOT / page
        path.write_text(with_table(path.read_text()))


if __name__ == "__main__":
    main()
