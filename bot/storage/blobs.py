"""Files by name, in a folder or behind any fsspec address: written whole or not at all."""

import os
import time
from contextlib import suppress
from pathlib import Path
from typing import Protocol

import fsspec

from bot.errors import ConfigError, StorageUnavailable, TandemError


class Lost(TandemError):
    """A file that should be in the store is not there."""


class Blobs(Protocol):
    """All methods block: they are for threads. They raise StorageUnavailable where the place does not answer."""

    def put(self, name: str, data: bytes | memoryview) -> None:
        """On return the file is there for good, or was there already and counts as written now."""

    def get(self, name: str) -> bytes:
        """Raises Lost."""

    def has(self, name: str) -> bool: ...

    def drop(self, name: str, idle_seconds: float = 0.0) -> bool:
        """Remove a file that was not written in the last ``idle_seconds``; says whether it is gone."""


class Folder:
    """A folder of this machine: temporary file, fsync, rename, fsync of the folder."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def put(self, name: str, data: bytes | memoryview) -> None:
        path = self._path(name)
        try:
            if path.exists():
                os.utime(path)
                return
            write_durably(path, data, self._root)
        except OSError as error:
            raise StorageUnavailable(f"the store of model data: {error}") from error

    def get(self, name: str) -> bytes:
        try:
            return self._path(name).read_bytes()
        except FileNotFoundError as error:
            raise Lost(f"{name} is not in the store of model data") from error
        except OSError as error:
            raise StorageUnavailable(f"the store of model data: {error}") from error

    def has(self, name: str) -> bool:
        return self._path(name).exists()

    def drop(self, name: str, idle_seconds: float = 0.0) -> bool:
        path = self._path(name)
        try:
            if idle_seconds and time.time() - path.stat().st_mtime < idle_seconds:
                return False
            path.unlink()
        except FileNotFoundError:
            return True
        except OSError as error:
            raise StorageUnavailable(f"the store of model data: {error}") from error
        return True

    def _path(self, name: str) -> Path:
        return self._root / name[:2] / name


class Elsewhere:
    """Any fsspec address: an object store writes a whole file or none by itself."""

    def __init__(self, address: str) -> None:
        """Raises ConfigError for an address that fsspec cannot use."""
        try:
            self._system, self._root = fsspec.core.url_to_fs(address)
        except (ValueError, ImportError) as error:
            raise ConfigError(f"TANDEM_MODEL_STORE: {error}") from error

    def put(self, name: str, data: bytes | memoryview) -> None:
        try:
            self._system.makedirs(f"{self._root}/{name[:2]}", exist_ok=True)
            self._system.pipe_file(self._path(name), bytes(data))
        except OSError as error:
            raise StorageUnavailable(f"the store of model data: {error}") from error

    def get(self, name: str) -> bytes:
        try:
            return bytes(self._system.cat_file(self._path(name)))
        except FileNotFoundError as error:
            raise Lost(f"{name} is not in the store of model data") from error
        except OSError as error:
            raise StorageUnavailable(f"the store of model data: {error}") from error

    def has(self, name: str) -> bool:
        return bool(self._system.exists(self._path(name)))

    def drop(self, name: str, idle_seconds: float = 0.0) -> bool:
        try:
            if idle_seconds and time.time() - self._system.modified(self._path(name)).timestamp() < idle_seconds:
                return False
            self._system.rm_file(self._path(name))
        except FileNotFoundError:
            return True
        except OSError as error:
            raise StorageUnavailable(f"the store of model data: {error}") from error
        return True

    def _path(self, name: str) -> str:
        return f"{self._root}/{name[:2]}/{name}"


def write_durably(path: Path, data: bytes | memoryview, root: Path) -> None:
    """Write a file below a root whole: on return it is there for good, and so are the folders that lead to it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    _write(path, data)
    for folder in path.parents:
        _sync_folder(folder)
        if folder == root.parent:
            return


def _write(path: Path, data: bytes | memoryview) -> None:
    temporary = path.with_name(f".{path.name}.{os.getpid()}.{time.monotonic_ns()}")
    try:
        with temporary.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except BaseException:
        with suppress(FileNotFoundError):
            temporary.unlink()
        raise


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
