"""Secrets in files, as Kubernetes and Docker mount them: read again when they change, so that one can be replaced
without a restart."""

from pathlib import Path
from typing import NamedTuple

import structlog

MOST_BYTES = 64 * 1024

log = structlog.get_logger(__name__)


class _Read(NamedTuple):
    """What was read, with what tells whether the file is another one now; None could not be read."""

    stamp: tuple[int, int, int]
    secret: str | None


_read: dict[str, _Read] = {}
_NONE = (0, 0, 0)


def secret_in(path: str, variable: str) -> str | None:
    """A line a secret; several, as while one replaces another, with a space between. None where none can be read."""
    before = _read.get(path)
    try:
        found = Path(path).stat()
        stamp = (found.st_mtime_ns, found.st_size, found.st_ino)
        if before is None or before.stamp != stamp:
            _read[path] = _Read(stamp, _text_of(path))
    except (OSError, ValueError) as error:
        if before is None or before.secret is not None:
            log.warning("secret.unreadable", variable=variable, reason=type(error).__name__)
        _read[path] = _Read(_NONE, None)
    return _read[path].secret


def _text_of(path: str) -> str | None:
    with Path(path).open("rb") as file:
        lines = file.read(MOST_BYTES).decode("utf-8").splitlines()
    return " ".join(filter(None, map(str.strip, lines))) or None
