"""Secrets that stand in files are read again when these change, and one that cannot be read is none."""

import os
from pathlib import Path

from bot.config.environment import secrets_from


def _written(file: Path, text: str) -> None:
    """As another file in its place, which is how Kubernetes and Docker replace one."""
    other = file.with_suffix(".new")
    other.write_text(text)
    other.replace(file)


def test_a_file_is_read_again_when_it_changes_and_each_line_counts(tmp_path: Path) -> None:
    file = tmp_path / "itsm"
    file.write_text("whsec_b25l\n")
    environ = {"TANDEM_SECRET_ITSM_FILE": str(file)}
    assert secrets_from(environ)["ITSM"] == "whsec_b25l"
    _written(file, "whsec_b25l\n\n  whsec_dHdv\n")
    assert secrets_from(environ)["ITSM"] == "whsec_b25l whsec_dHdv"
    _written(file, "whsec_dHdv")
    assert secrets_from(environ)["ITSM"] == "whsec_dHdv"


def test_a_variable_of_its_own_counts_before_a_file_and_a_file_that_is_away_or_empty_or_no_text_is_none(
    tmp_path: Path,
) -> None:
    file = tmp_path / "x"
    file.write_text("of the file")
    assert secrets_from({"TANDEM_SECRET_X": "own", "TANDEM_SECRET_X_FILE": str(file)})["X"] == "own"
    environ = {"TANDEM_SECRET_X_FILE": str(file)}
    for spoilt in (b"", b"\n \n", b"\xff\xfe\x00"):
        file.write_bytes(spoilt)
        os.utime(file, ns=(1, hash(spoilt) % 10**15))
        assert "X" not in secrets_from(environ)
    file.write_text("back")
    assert secrets_from(environ)["X"] == "back"
    file.unlink()
    assert "X" not in secrets_from(environ)
    assert "" not in secrets_from({"TANDEM_SECRET_FILE": str(file), "TANDEM_SECRET__FILE": str(file)})
