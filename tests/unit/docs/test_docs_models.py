"""What docs/models.md tells people to send is what the doors take."""

import re
from pathlib import Path

import pytest

from bot.domain.event import RowsKind
from bot.model_store.columns import checked
from bot.model_store.json_rows import table_of_body

TEXT = (Path(__file__).parents[3] / "docs" / "models.md").read_text()
EXAMPLES = re.findall(r"```json ?(\w*)\n(.*?)```", TEXT, re.DOTALL)


@pytest.mark.parametrize(("kind", "body"), EXAMPLES)
def test_every_example_is_taken_whole(kind: str, body: str) -> None:
    kind = kind or RowsKind.PREDICTIONS
    table = checked(table_of_body(body.encode(), kind).table, kind)
    assert table.num_rows >= 2


def test_there_is_an_example_for_every_door() -> None:
    assert {kind for kind, _ in EXAMPLES} == {"", "labels", "reference"}
