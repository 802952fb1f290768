"""The stream that an inbox is kept in. https://docs.nats.io/nats-concepts/jetstream/streams#configuration"""

from collections.abc import Mapping
from typing import Any, NamedTuple

from bot.errors import ConfigError
from bot.inbox.jetstream_connection import JetStream, Refusal

_ANOTHER_WAS_FIRST = 10058


class Stream(NamedTuple):
    """``identity`` is of this stream and no other, also where one of the same name is made after it is deleted."""

    identity: str
    last_seq: int
    entries: int
    replicas: int
    bytes: int
    max_bytes: int


def root_of(name: str) -> str:
    """The subjects of a stream are this, the partition and the kind."""
    return f"{name.lower()}.inbox"


async def find(server: JetStream) -> Stream | None:
    """None where it is not made yet. Raises ConfigError where it is not fit to be an inbox, StorageUnavailable."""
    try:
        info = await _info(server)
    except Refusal as refusal:
        raise _not_given(server, refusal) from refusal
    return _checked(server, info) if info else None


async def find_or_make(server: JetStream, first: int) -> Stream:
    """A new one numbers its entries from ``first`` on. One that is there stays as it is. Raises like :func:`find`."""
    try:
        info = await _info(server) or await _make(server, first)
    except Refusal as refusal:
        raise _not_given(server, refusal) from refusal
    return _checked(server, info)


def _not_given(server: JetStream, refusal: Refusal) -> ConfigError:
    return ConfigError(f"TANDEM_INBOX_URL: NATS does not give the stream {server.address.stream}: {refusal}")


async def _info(server: JetStream) -> dict[str, Any] | None:
    try:
        return await server.call_api(f"STREAM.INFO.{server.address.stream}", {})
    except Refusal as refusal:
        if refusal.code == 404:
            return None
        raise


async def _make(server: JetStream, first: int) -> dict[str, Any]:
    name = server.address.stream
    config = {
        "name": name,
        "description": "What Tandem acknowledged.",
        **_needed(name),
        "max_bytes": server.address.max_bytes,
        "num_replicas": server.address.replicas,
        "duplicate_window": 120 * 10**9,
        "first_seq": first,
    }
    try:
        return await server.call_api(f"STREAM.CREATE.{name}", config)
    except Refusal as refusal:
        if refusal.number == _ANOTHER_WAS_FIRST and (info := await _info(server)):
            return info
        raise


def _needed(name: str) -> dict[str, Any]:
    """What a stream must be so that nothing is lost in it."""
    return {
        "subjects": [f"{root_of(name)}.*.*"],
        "storage": "file",
        "retention": "limits",
        "discard": "new",
        "allow_direct": True,
        "allow_atomic": True,
    }


def _bytes(info: Mapping[str, Any]) -> tuple[int, int]:
    """How many are used, and how many may be; -1 is without a bound."""
    return int(info["state"].get("bytes", 0)), int(info["config"].get("max_bytes", -1))


async def share_of_account(server: JetStream) -> float:
    """How much of the storage that the account may use is used; 0 where it has no bound. Raises StorageUnavailable."""
    try:
        account = await server.call_api("INFO", {})
    except Refusal:
        return 0.0  # this user may not ask
    most = int(account.get("limits", {}).get("max_storage", -1))
    return int(account.get("storage", 0)) / most if most > 0 else 0.0


def _checked(server: JetStream, info: Mapping[str, Any]) -> Stream:
    name, config, state = server.address.stream, info["config"], info["state"]
    wrong = [f"{key} must be {value!r}" for key, value in _needed(name).items() if config.get(key) != value]
    bounds = [key for key in ("max_age", "max_msgs", "max_msgs_per_subject") if config.get(key, 0) > 0]
    if config.get("persist_mode", "default") not in ("", "default"):  # acknowledged before it is written
        wrong.append("persist_mode must be 'default'")
    if wrong := [*wrong, *(f"{key} must not be set" for key in bounds)]:
        raise ConfigError(f"TANDEM_INBOX_URL: the stream {name} is not fit to be an inbox: {'; '.join(wrong)}")
    made = f"stream {name} made {info['created']}"
    return Stream(made, int(state["last_seq"]), int(state["messages"]), int(config["num_replicas"]), *_bytes(info))
