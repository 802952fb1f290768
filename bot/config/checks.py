"""What is checked about single values of tandem.yaml. It returns the value, or raises ValueError: what to write."""

import re
from datetime import timedelta
from urllib.parse import urlsplit

from bot.domain.routing.route import check_channel

_WORKSPACE = re.compile(r"[TE][A-Z0-9]{2,30}")


def check_ops_channel(channel: str | None) -> str | None:
    return None if channel is None else check_channel(channel)


def check_workspace(workspace: str) -> str:
    if not _WORKSPACE.fullmatch(workspace):
        raise ValueError(f"{workspace!r} is no id of a workspace: it begins with T, and stands in its web address")
    return workspace


def check_after(after: timedelta) -> timedelta:
    if not timedelta(seconds=1) <= after <= timedelta(days=1):
        raise ValueError("write a time from 1s to 1d")
    return after


def check_url(url: str) -> str:
    return _check_address(
        url, "https://api.openai.com/v1", "no password belongs here: the key is read from TANDEM_LLM_API_KEY"
    )


def check_server(url: str) -> str:
    return _check_address(
        url, "https://prometheus.example", "an address carries no password: use a header with a secret"
    )


def _check_address(url: str, example: str, instead_of_password: str) -> str:
    parsed = urlsplit(url)
    if parsed.scheme not in ("http", "https") or not parsed.hostname or parsed.query or parsed.fragment:
        raise ValueError(f"write an address, as in {example}")
    if parsed.username is not None or parsed.password is not None:
        raise ValueError(instead_of_password)
    return url


def check_timeout(timeout: timedelta) -> timedelta:
    if not timedelta(seconds=0.1) <= timeout <= timedelta(minutes=2):
        raise ValueError("write a time from 100ms to 2m")
    return timeout
