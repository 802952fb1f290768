"""The notes by which ``tandem reload`` finds the processes of a database."""

import tempfile
from datetime import UTC, datetime
from pathlib import Path

import pytest

from bot.errors import ConfigError
from bot.health import running as notes

DATABASE = "sqlite:///somewhere/tandem.db"
NOW = datetime(2026, 3, 1, tzinfo=UTC)


@pytest.fixture(autouse=True)
def _folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))


def test_a_process_is_found_while_it_runs_and_leaves_nothing_behind(tmp_path: Path) -> None:
    with notes.running(DATABASE, Path("tandem.yaml"), NOW):
        assert [note.since for note in notes.all_running(DATABASE)] == [NOW]
    assert notes.all_running(DATABASE) == []
    assert list(tmp_path.iterdir()) == []


def test_what_somebody_else_has_put_in_the_notes_place_is_not_trusted(tmp_path: Path) -> None:
    with notes.running(DATABASE, Path("tandem.yaml"), NOW):
        [place] = tmp_path.iterdir()
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    place.symlink_to(elsewhere)
    with pytest.raises(ConfigError, match="somebody else"), notes.running(DATABASE, Path("tandem.yaml"), NOW):
        pass
    with pytest.raises(ConfigError, match="somebody else"):
        notes.all_running(DATABASE)
