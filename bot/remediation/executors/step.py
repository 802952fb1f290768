"""The parameters and the outcome that all executors share."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import msgspec
from pydantic import BaseModel, ConfigDict, field_validator

from bot.domain.duration import Duration
from bot.kubernetes.cluster import Cluster
from bot.remediation.executors.masking import longest, masked

MAX_OUTPUT = 8192
PREVIEW_TIMEOUT = timedelta(seconds=30)
"""So long a preview may take, whatever the step's own ``timeout`` is."""
_TERMINAL = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)|[@-Z\\-_])")
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")


def is_none(value: Any) -> bool:
    """For what came later: where it is not given, plans are the same as before it came."""
    return value is None


class StepParameters(BaseModel):
    """What may be said of any step. ``check`` is one step more that only looks whether this one took effect."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    timeout: Duration = timedelta(seconds=60)
    """How long the step may take; up to 6h."""
    repeatable: bool = False
    """Whether it may run again after a crash."""
    check: dict[str, Any] | None = None
    """A step that only looks whether this one took effect, asked after a crash."""

    @field_validator("timeout")
    @classmethod
    def _within_reason(cls, timeout: timedelta) -> timedelta:
        if not timedelta(0) < timeout <= timedelta(hours=6):
            raise ValueError("a step takes more than nothing and at most 6h")
        return timeout


@dataclass(frozen=True)
class Protection:
    """What surrounds every step: values that no output may show, the file that is locked while a program runs, and the
    cluster whose objects steps may change."""

    hidden: tuple[str, ...] = field(default=(), repr=False)
    lock: Path | None = None
    cluster: Cluster | None = field(default=None, repr=False)


UNPROTECTED = Protection()


@dataclass(frozen=True)
class StepContext:
    """What a step is performed for, and the secrets that it may name.

    ``step`` names the step within its run: ``step/0``, ``rollback/1``, ``step/0/check``, and ``step/0/preview`` for a
    gate, or a preview of any step, before the approval. Together with ``run_id`` it is the same however often a step is
    repeated. ``previewed`` is the digest of the preview that it was approved on, empty where there is none. In a
    ``drill`` nothing is performed.
    """

    run_id: str
    incident_id: str
    step: str
    secrets: Mapping[str, str] = field(repr=False)
    protection: Protection = UNPROTECTED
    targets: tuple[str, ...] = ()
    """The services that the run acts on."""
    previewed: str = ""
    drill: bool = False

    @property
    def hidden(self) -> list[str]:
        """All values that no output may show."""
        return [*self.secrets.values(), *self.protection.hidden]


class Outcome(msgspec.Struct, frozen=True):
    """How a step ended, and what it said, cut to size. ``digest`` stands for what it changed, as its preview's does."""

    ok: bool
    output: str
    digest: str = ""


class Foreseen(msgspec.Struct, frozen=True):
    """What a step would change, in words, and whether it would work.

    ``digest`` is the same for whatever changes the same: where one is given, the step is previewed again just before it
    is performed and not performed if it differs, and fails if the digest of its outcome is given and differs.
    """

    ok: bool
    output: str
    digest: str = ""


def presentable(output: bytes, left_out: int, secrets: Iterable[str], tail: bytes = b"") -> str:
    """Output as text for people: no control sequences, no secret, both ends of what is too long.

    Where bytes were left out, it was between ``output`` and ``tail``; a secret may have been cut in two there, so that
    as much as one could have left is not shown.
    """
    known = [_CONTROL.sub("", secret) for secret in secrets]
    if left_out:
        rest = longest(known)
        beginning, end = masked(_clean(output), known), masked(_clean(tail), known)
        text = beginning[: max(0, len(beginning) - rest)] + end[rest:]
    else:
        text = masked(_clean(output + tail), known)
    if len(text) > MAX_OUTPUT:
        left_out += len(text) - MAX_OUTPUT
        text = f"{text[: MAX_OUTPUT // 2]}\n… {left_out} bytes left out …\n{text[-MAX_OUTPUT // 2 :]}"
    return text.strip()


def _clean(output: bytes) -> str:
    return _CONTROL.sub("", _TERMINAL.sub("", output.decode(errors="replace")))
