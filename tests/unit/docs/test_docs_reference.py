"""docs/reference is what the code says: nothing is missing there, and nothing is left of what is gone."""

import pytest

from tests.unit.docs.reference import FOLDER, PAGES
from tests.unit.docs.reference import alerts as alert_names
from tests.unit.docs.reference.endpoints import MEANINGS, paths_in_the_code
from tests.unit.docs.reference.keys import keys_without_meaning


@pytest.mark.parametrize("name", PAGES)
def test_a_page_is_what_the_code_says(name: str) -> None:
    anew = "the page is stale: write it anew with `python -m tests.unit.docs.reference` (or `python3 dev.py docs`)"
    assert (FOLDER / name).read_text() == PAGES[name](), anew


def test_every_page_of_the_reference_is_written_from_the_code() -> None:
    assert {file.name for file in FOLDER.iterdir()} == set(PAGES)


def test_every_key_says_what_it_is_for() -> None:
    assert keys_without_meaning() == []


def test_every_endpoint_is_described_and_no_other() -> None:
    assert {path for _, path in MEANINGS} == paths_in_the_code()


def test_every_alert_that_is_raised_is_described_and_no_other() -> None:
    assert set(alert_names.MEANINGS) == alert_names.names_in_the_code()
