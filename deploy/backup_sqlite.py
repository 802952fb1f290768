"""Copy the SQLite files of a Tandem that may be running, its key and the data of its models, into a folder.

python backup_sqlite.py DATA BACKUP     DATA holds tandem.db; BACKUP is made, and must be empty

Needs nothing but Python 3.11. Each file is copied in one read transaction, so what is being written does not matter
(the shell's .backup begins anew with every commit of another process). The inbox comes after the state, so that what
was acknowledged in between is worked through again and not lost; the files of models come last: the state names them.
"""

import shutil
import sqlite3
import sys
from contextlib import closing
from pathlib import Path

PARTS = ("tandem.db", "tandem.inbox.db", "tandem.workflows.db")
WORKFLOWS = PARTS[-1]  # made with the first offer of a runbook
MODELS = "tandem.models"
KEY = "tandem.db.seal-key"


def main(data: Path, backup: Path) -> None:
    backup.mkdir(parents=True, exist_ok=True)
    if any(backup.iterdir()):
        sys.exit(f"{backup} is not empty")
    for part in PARTS:
        if part != WORKFLOWS or (data / part).exists():
            copy(data / part, backup / part)
    if (data / KEY).is_file():
        shutil.copy2(data / KEY, backup / KEY)
    if (data / MODELS).is_dir():
        shutil.copytree(data / MODELS, backup / MODELS)
    print(f"{backup}: {sum(file.stat().st_size for file in backup.rglob('*') if file.is_file())} bytes")


def copy(source: Path, target: Path) -> None:
    """One file, and proof that the copy is whole. ``mode=rw``: a file that is missing is an error, not a new one."""
    with (
        closing(sqlite3.connect(f"{source.resolve().as_uri()}?mode=rw", uri=True, timeout=30)) as old,
        closing(sqlite3.connect(target)) as new,
    ):
        old.backup(new)
        [(message,)] = new.execute("PRAGMA quick_check(1)").fetchall()
    if message != "ok":
        sys.exit(f"{target}: {message}")


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    main(Path(sys.argv[1]), Path(sys.argv[2]))
