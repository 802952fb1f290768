"""``outgoing`` of tandem.yaml: systems that are sent incident and run changes."""

from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from bot.config.nearest import nearest
from bot.domain.outgoing.event import NAMES, matches
from bot.remediation.executors.web import Headers, Url


def _check_pattern(pattern: str) -> str:
    if not any(matches(name, [pattern]) for name in NAMES):
        raise ValueError(f"no event is named {pattern!r}{nearest(pattern, ['incident.*', 'run.*', *NAMES])}")
    return pattern


class OutgoingReceiver(BaseModel):
    """One that is sent incident and run changes: CloudEvents, signed by Standard Webhooks."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    url: Url
    """The address that each event is posted to."""
    events: Annotated[list[Annotated[str, AfterValidator(_check_pattern)]], Field(min_length=1, max_length=50)] = [
        "incident.*",
        "run.*",
    ]
    """Which events: names as in `GET /api/events`, or patterns of them; default: all."""
    secret: Annotated[str, Field(pattern=r"^[A-Za-z0-9_]{1,100}$")] | None = None
    """Signs each request: `X` is read from `TANDEM_SECRET_X`; default: none is signed."""
    headers: Headers = {}
    """Headers: a text, or `{secret: NAME, prefix: …}`, which is filled in from `TANDEM_SECRET_NAME`."""
    allow_private: bool = False
    """Whether its address may be a private, loopback or link-local one."""


def check_receivers(receivers: list[OutgoingReceiver]) -> list[OutgoingReceiver]:
    urls = [one.url for one in receivers]
    if len(set(urls)) < len(urls):
        raise ValueError("two receivers have the same url: write their events in one")
    return receivers
