"""What is checked about single values of tandem.yaml. It returns the value, or raises ValueError: what to write."""

import re
from collections.abc import Sequence
from datetime import timedelta
from urllib.parse import urlsplit

from bot.domain.routing.route import check_channel
from bot.domain.watched.metric import Average
from bot.domain.watched.monitor import MonitorRules, Scalar
from bot.domain.watched.pull import PullSection
from bot.domain.watched.reference import ReferenceRules
from bot.watches.models.kinds.registry import needs_rows
from detectors.drift.spellings import Spellings
from detectors.drift.texts import category

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


def check_counted(
    pulls: Sequence[PullSection], monitors: Sequence[MonitorRules], references: ReferenceRules | None
) -> None:
    """Where a database counts, no monitor of the model may need rows, and no rows come beside."""
    if not any(pull.statistics for pull in pulls):
        return
    if any(pull.statistics is None for pull in pulls):
        raise ValueError("statistics: the model's other pull brings rows, and its monitors judge one or the other")
    if references is not None:
        raise ValueError("statistics: which of several references counts is chosen by rows; leave out references")
    for monitor in monitors:
        if why := needs_rows(monitor):
            raise ValueError(f"statistics: the monitor {monitor.known_as} needs rows: {why}")


def check_classes(classes: Sequence[Scalar], positive: Scalar | None, average: Average | None) -> None:
    """The classes of a model: each once, two at least, the positive one among them; or an average over several."""
    named = Spellings.of(map(category, classes))
    if len(named.by_meaning) < len(classes):
        raise ValueError("two classes are one and the same")
    if len(classes) == 1:
        raise ValueError("there are two classes at least")
    if positive is not None and classes and named.known_as(category(positive)) not in named.known:
        raise ValueError(f"positive is none of the classes: {positive}")
    if positive is not None and average is not None:
        raise ValueError("give the positive class, or an average over several")
