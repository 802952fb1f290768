"""Files by name, in a folder or behind any fsspec address: written whole or not at all."""

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Protocol, cast

from bot.errors import ConfigError, StorageUnavailable, TandemError

if TYPE_CHECKING:
    from fsspec import AbstractFileSystem

SERVER_FOLDER = ".tandem/models"
"""Where the data of models is, unless somebody says otherwise, when the database is a server."""


class Lost(TandemError):
    """A file that should be in the store is not there."""


class Blobs(Protocol):
    """All methods block: they are for threads. They raise StorageUnavailable where the place does not answer."""

    @property
    def place(self) -> str:
        """Where the files are, in words, without a password."""

    @property
    def is_shared(self) -> bool:
        """Whether other machines see the files, as far as the address tells."""

    def put(self, name: str, data: bytes | memoryview) -> None:
        """On return the file is there for good, or was there already and counts as written now."""

    def get(self, name: str) -> bytes:
        """Raises Lost."""

    def open(self, name: str) -> BinaryIO:
        """The file, of which some places are read. Raises Lost."""

    def has(self, name: str) -> bool: ...

    def drop(self, name: str, idle_seconds: float = 0.0) -> bool:
        """Remove a file that was not written in the last ``idle_seconds``; says whether it is gone."""


class Folder:
    """A folder of this machine: temporary file, fsync, rename, fsync of the folder."""

    def __init__(self, root: Path) -> None:
        self._root = root

    @property
    def place(self) -> str:
        return str(self._root)

    @property
    def is_shared(self) -> bool:
        return False  # it may be a volume that all mount: no address tells that

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

    def open(self, name: str) -> BinaryIO:
        try:
            return self._path(name).open("rb")
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
    """Any other file system of fsspec: an object store writes a whole file or none by itself.

    Others (sftp, smb …) may show a reader half a file while its content is put once more.
    """

    def __init__(self, system: "AbstractFileSystem", root: str) -> None:
        self._system, self._root = system, root.rstrip("/")

    @property
    def place(self) -> str:
        return str(self._system.unstrip_protocol(self._root))

    @property
    def is_shared(self) -> bool:
        protocol = self._system.protocol
        return "memory" not in ((protocol,) if isinstance(protocol, str) else protocol)

    def put(self, name: str, data: bytes | memoryview) -> None:
        with _access(name):
            self._system.makedirs(f"{self._root}/{name[:2]}", exist_ok=True)
            self._system.pipe_file(self._path(name), bytes(data))

    def get(self, name: str) -> bytes:
        with _access(name):
            return bytes(self._system.cat_file(self._path(name)))

    def open(self, name: str) -> BinaryIO:
        with _access(name):
            return cast(BinaryIO, self._system.open(self._path(name), "rb"))

    def has(self, name: str) -> bool:
        with _access(name):
            return bool(self._system.exists(self._path(name)))

    def drop(self, name: str, idle_seconds: float = 0.0) -> bool:
        try:
            with _access(name):
                if idle_seconds and time.time() - self._written_at(name) < idle_seconds:
                    return False
                self._system.rm_file(self._path(name))
        except Lost:
            return True
        return True

    def _written_at(self, name: str) -> float:
        """Seconds since 1970."""
        moment: datetime = self._system.modified(self._path(name))
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()

    def _path(self, name: str) -> str:
        return f"{self._root}/{name[:2]}/{name}"


def open_blobs(address: str) -> Blobs:
    """The files at an fsspec address or in a folder.

    Raises ConfigError for what fsspec cannot use; it names the package that is missing.
    """
    if "://" not in address:
        return Folder(Path(address))
    system, root = file_system_at(address, "TANDEM_MODEL_STORE")
    return Folder(Path(root)) if system is None else Elsewhere(system, root)


def file_system_at(address: str, variable: str) -> "tuple[AbstractFileSystem | None, str]":
    """What fsspec makes of an address, and the path in it; no file system where it means a folder of this machine.

    Raises ConfigError, which names the environment variable that has the address.
    """
    import fsspec
    from fsspec.implementations.local import LocalFileSystem

    try:
        system, root = fsspec.core.url_to_fs(address)
    except (ValueError, ImportError) as error:
        raise ConfigError(f"{variable}: {error}") from error
    return (None if isinstance(system, LocalFileSystem) else system), root


def warning_about(address: str | None, database_url: str) -> str | None:
    """Why other replicas may not find what one of them keeps, if so. Raises ConfigError as ``open_blobs`` does."""
    blobs = open_blobs(address or SERVER_FOLDER)
    if database_url.startswith("sqlite") or blobs.is_shared:
        return None
    return (
        f"the data of models is kept in {blobs.place}, which other machines do not see, though the database is shared: "
        "with replicas, set TANDEM_MODEL_STORE to an address that all reach (s3://bucket/tandem), or let all mount it"
    )


@contextmanager
def _access(name: str) -> Iterator[None]:
    """Each file system has errors of its own beside the system's: botocore's, google.auth's, paramiko's …"""
    try:
        yield
    except FileNotFoundError as error:
        raise Lost(f"{name} is not in the store of model data") from error
    except Exception as error:
        raise StorageUnavailable(f"the store of model data: {type(error).__name__}: {error}") from error


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
