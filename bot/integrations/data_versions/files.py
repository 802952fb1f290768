"""Versions that stand in files: Delta's log, Iceberg's metadata, DVC's digests. Blocks; wherever fsspec reaches."""

import re
from pathlib import PurePosixPath
from typing import Any

import fsspec
import msgspec
import yaml

from bot.integrations.http import ToolFailure

_COMMIT = re.compile(r"(\d{20})(?:\.checkpoint.*\.parquet|\.json)")
_METADATA = re.compile(r"v?(\d+).*\.metadata\.json")
_MOST_BYTES = 16 * 2**20


def delta_version(folder: str) -> str:
    """The newest commit of a Delta table. Raises ToolFailure."""
    versions = [
        int(match[1]) for name in _names(f"{folder.rstrip('/')}/_delta_log") if (match := _COMMIT.fullmatch(name))
    ]
    if not versions:
        raise ToolFailure(f"{_shown(folder)} is no Delta table: it has no _delta_log")
    return str(max(versions))


def iceberg_metadata(address: str) -> str:
    """Where an Iceberg table's newest metadata is. Raises ToolFailure."""
    if address.endswith(".metadata.json"):
        return address
    folder = f"{address.rstrip('/')}/metadata"
    found = [(int(match[1]), name) for name in _names(folder) if (match := _METADATA.fullmatch(name))]
    if not found:
        raise ToolFailure(f"{_shown(address)} is no Iceberg table: it has no metadata")
    return f"{folder}/{max(found)[1]}"


def iceberg_snapshot(address: str) -> str:
    """The current snapshot of an Iceberg table. Raises ToolFailure."""
    metadata = _decoded(iceberg_metadata(address), msgspec.json.decode)
    snapshot = metadata.get("current-snapshot-id")
    if snapshot in (None, -1):
        raise ToolFailure(f"{_shown(address)} has no snapshot yet")
    return str(snapshot)


def dvc_digest(address: str) -> str:
    """The digest of a ``.dvc`` file's output, or of the path behind ``#`` in a dvc.lock. Raises ToolFailure."""
    place, _, wanted = address.partition("#")
    told = _decoded(place, yaml.safe_load)
    outs = list(told.get("outs") or [])
    for stage in (told.get("stages") or {}).values():
        outs += [*(stage.get("outs") or []), *(stage.get("deps") or [])]
    for out in outs:
        if not wanted or out.get("path") == wanted:
            digest = out.get("md5") or out.get("etag") or out.get("checksum")
            if digest:
                return str(digest)
    raise ToolFailure(f"{_shown(place)} has no digest" + (f" of {wanted}" if wanted else ""))


def _names(folder: str) -> list[str]:
    try:
        system, path = fsspec.url_to_fs(folder)
        return [PurePosixPath(str(one)).name for one in system.ls(path, detail=False)]
    except FileNotFoundError:
        return []
    except Exception as error:  # whatever a file system's driver raises
        raise ToolFailure(f"{_shown(folder)} cannot be listed: {type(error).__name__}") from None


def _decoded(address: str, decode: Any) -> dict[str, Any]:
    try:
        with fsspec.open(address, "rb") as file:
            told = decode(file.read(_MOST_BYTES))
    except Exception as error:
        raise ToolFailure(f"{_shown(address)} cannot be read: {type(error).__name__}") from None
    if not isinstance(told, dict):
        raise ToolFailure(f"{_shown(address)} holds something else")
    return told


def _shown(address: str) -> str:
    """Without a password, and without what an address asks for."""
    return re.sub(r"//[^/@]*@", "//", address.partition("?")[0])[:200]
