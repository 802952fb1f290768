"""The pages list the stages as the code has them, and CONTRIBUTING.md's example of a stage is one that works."""

import re
from typing import Any

import pytest

from bot.pipeline import stage as registry
from bot.pipeline.batch import Trigger
from bot.pipeline.stage import Stage, StageError, all_stages, ordered, stages_on
from tests.unit.docs.stage_table import PAGES, ROOT, table, with_table

SECTION = (ROOT / "CONTRIBUTING.md").read_text().partition("## Add a stage\n")[2].partition("\n## ")[0]


@pytest.mark.parametrize("page", PAGES)
def test_the_list_of_stages_is_the_registrys(page: str) -> None:
    text = (ROOT / page).read_text()
    assert table() in text, "write it anew: python -m tests.unit.docs.stage_table"
    assert with_table(text) == text


@pytest.fixture
def registered(monkeypatch: pytest.MonkeyPatch) -> dict[str, Stage]:
    """The stages, and room for another one during this test."""
    known = dict(all_stages())
    monkeypatch.setattr(registry, "_known", known)
    return known


async def test_the_example_is_a_stage_between_those_it_names_and_passes_its_own_test(
    registered: dict[str, Stage],
) -> None:
    source, test = re.findall(r"```python\n(.*?)```", SECTION, re.DOTALL)
    module: dict[str, Any] = {"__name__": "bot.pipeline.stages.cap_severity"}
    exec(compile(source, "bot/pipeline/stages/cap_severity.py", "exec"), module)
    with pytest.raises(StageError, match="cap_severity and inhibit"):
        stages_on(Trigger.ENTRIES)
    inhibit = registered["inhibit"]
    registered["inhibit"] = inhibit._replace(after=inhibit.after | {"cap_severity"})
    names = [stage.name for stage in stages_on(Trigger.ENTRIES)]
    assert names.index("learn_around_incidents") < names.index("cap_severity") < names.index("inhibit")
    exec(compile(test, "tests/unit/test_cap_severity.py", "exec"), module)
    [check] = [value for name, value in module.items() if name.startswith("test_")]
    await check()


def _stage(name: str, reads: str = "", writes: str = "", after: str = "") -> Stage:
    fields = [frozenset(names.split()) for names in (reads, writes, after)]
    return Stage(name, all_stages()["claim"].work, fields[0], fields[1], fields[2], frozenset())


def test_stages_of_which_one_writes_what_the_other_reads_must_say_which_comes_first() -> None:
    write, read = _stage("write", writes="runs"), _stage("read", reads="runs")
    with pytest.raises(StageError, match=r"batch\.runs"):
        ordered([write, read], {"write", "read"})
    after = read._replace(after=frozenset({"write"}))
    assert [one.name for one in ordered([after, write], {"write", "read"})] == ["write", "read"]


def test_stages_that_wait_for_each_other_or_for_nobody_are_refused() -> None:
    with pytest.raises(StageError, match="wait for each other"):
        ordered([_stage("a", after="b"), _stage("b", after="a")], {"a", "b"})
    with pytest.raises(StageError, match="nothing, which is no stage"):
        ordered([_stage("a", after="nothing")], {"a"})


@pytest.mark.parametrize("field, why", [("runz", "is no field"), ("now", "is given")])
def test_what_is_no_field_of_the_batch_cannot_be_declared(registered: dict[str, Stage], field: str, why: str) -> None:
    with pytest.raises(StageError, match=why):
        registry.stage(writes={field})(registered["claim"].work)
