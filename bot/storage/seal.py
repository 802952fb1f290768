"""Seals: HMACs under a key that is not in the database, so that who can write the database cannot make one."""

import hashlib
import hmac
import os
import secrets
from contextlib import suppress
from pathlib import Path

import msgspec
from sqlalchemy import make_url
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.errors import ConfigError

OPTION = "tandem_seal"
"""The option of connections that write which holds the seal."""
_SHORTEST = 16


class Seal:
    """Makes seals with one key. ``key_id`` says which key it is, and nothing about the key."""

    def __init__(self, key: bytes) -> None:
        self._key = key
        self.key_id = self.of("key", "id")[:16]

    def of(self, purpose: str, *parts: str) -> str:
        """The seal of some texts; for another purpose the same texts have another one."""
        return hmac.new(self._key, msgspec.json.encode([purpose, *parts]), hashlib.sha256).hexdigest()

    def holds(self, mac: str, purpose: str, *parts: str) -> bool:
        return hmac.compare_digest(mac.encode(), self.of(purpose, *parts).encode())


def seal_of(connection: AsyncConnection) -> Seal | None:
    """The seal that a transaction uses; None where the database is opened without one."""
    found = connection.sync_connection.get_execution_options().get(OPTION) if connection.sync_connection else None
    return found if isinstance(found, Seal) else None


def key_file_of(database_url: str) -> Path:
    """Where the key is kept unless it is given: beside the data."""
    url = make_url(database_url)
    if url.get_backend_name() == "sqlite" and url.database:
        return Path(f"{url.database}.seal-key")
    return Path(".tandem/seal-key")


def head_file_of(database_url: str) -> Path:
    """Where the head of the audit log is written, beside the key."""
    file = key_file_of(database_url)
    return file.with_name(file.name.replace("seal-key", "audit-head"))


def make_seal(key: str | None, file: Path) -> Seal:
    """From the key that is given, or the one in the file, which is made where there is none. Raises ConfigError."""
    if key is not None:
        return _from_text(key, "TANDEM_SEAL_KEY")
    with suppress(FileExistsError):
        _write_key(file)
    return read_seal(None, file)


def read_seal(key: str | None, file: Path) -> Seal:
    """Like :func:`make_seal`, but it makes no file. Raises ConfigError where there is none."""
    if key is not None:
        return _from_text(key, "TANDEM_SEAL_KEY")
    try:
        text, mode = file.read_text().strip(), file.stat().st_mode
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{file}: the key of the seals cannot be read: {error}") from error
    if mode & 0o077:
        raise ConfigError(f"{file}: others can read the key of the seals: `chmod 600 {file}`")
    return _from_text(text, str(file))


def _from_text(key: str, where: str) -> Seal:
    if len(key) < _SHORTEST:
        raise ConfigError(f"{where}: a key of {_SHORTEST} characters or more is needed: `openssl rand -hex 32`")
    return Seal(key.encode())


def _write_key(file: Path) -> None:
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        if file.exists():
            return
        made = file.with_name(f"{file.name}.{os.getpid()}")
        with os.fdopen(os.open(made, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600), "w") as out:
            out.write(secrets.token_hex(32) + "\n")
            out.flush()
            os.fsync(out.fileno())
        try:
            os.link(made, file)  # whole, or not at all; never over another one
        finally:
            made.unlink()
    except FileExistsError:
        raise
    except OSError as error:
        why = f"the key of the seals cannot be written: {error}. Set TANDEM_SEAL_KEY, the same for all replicas"
        raise ConfigError(f"{file}: {why}") from error
