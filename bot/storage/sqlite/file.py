"""Whether SQLite's file is still the one that was opened: what is written to one that is gone is lost."""

import os
from pathlib import Path

from bot.errors import StorageUnavailable

LEAST_FREE = 2**20
_ADVICE = "nothing is acknowledged; put the file back and start Tandem again"


class DatabaseFile:
    """A database's file by its device and inode, as they were when it was first looked at."""

    def __init__(self, path: str, advice: str = _ADVICE) -> None:
        self.path, self._advice = Path(path), advice
        self._known: tuple[int, int] | None = None

    def check(self) -> None:
        """Raises StorageUnavailable where the file was deleted or replaced. A stat: some microseconds."""
        try:
            found = self.path.stat()
        except OSError as error:
            if self._known is None:  # SQLite makes it
                return
            raise StorageUnavailable(f"{self.path} was deleted while it was open: {self._advice}") from error
        inode = found.st_dev, found.st_ino
        if self._known is None:
            self._known = inode
        elif inode != self._known:
            raise StorageUnavailable(f"{self.path} was replaced while it was open: {self._advice}")

    def check_space(self) -> None:
        """Raises StorageUnavailable where the disk is full. What SQLite has of it already may take a little more."""
        try:
            disk = os.statvfs(self.path.parent)
        except OSError as error:
            raise StorageUnavailable(f"{self.path.parent}: {error.strerror}") from error
        blocks = disk.f_bfree if os.geteuid() == 0 else disk.f_bavail
        free = blocks * disk.f_frsize
        if free < LEAST_FREE:
            raise StorageUnavailable(f"the disk of {self.path.parent} is full: {free} bytes are free")
