"""``routes`` of tandem.yaml, as they are written."""

import re
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

from bot.domain.matcher import Matcher, parse_matcher
from bot.domain.routing.mention import Mention
from bot.domain.routing.quiet import QuietHours

_CHANNEL = re.compile(r"#?[^\s#]{1,80}")


def check_channel(channel: str) -> str:
    """Raises ValueError with how to write one."""
    if not _CHANNEL.fullmatch(channel):
        raise ValueError("write a channel's name, as in '#incidents' (with the quotes), or its id")
    return channel


def _check_matcher(text: str) -> str:
    """Raises ValueError also for a label that SQLite cannot be asked for."""
    if not {'"', "\\"}.isdisjoint(parse_matcher(text).label):
        raise ValueError(f"{text!r}: a quotation mark or a backslash is in no label's name that can be routed by")
    return text


def _as_list(value: Any) -> Any:
    return [value] if isinstance(value, str | dict) else value


class Route(BaseModel):
    """Where an incident is shown, who is mentioned, and which escalation and team it has."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    match: Annotated[
        list[Annotated[str, AfterValidator(_check_matcher)]], BeforeValidator(_as_list), Field(max_length=50)
    ] = []
    """Which incidents, in Alertmanager's notation: all matchers must match, on the labels that all firing alerts share
    and on `service`, `severity`, `source`, `cause`, `domain` and `team`. Without matchers: every incident."""
    channel: Annotated[str | None, AfterValidator(lambda one: None if one is None else check_channel(one))] = None
    """The channel's name in quotes or its id; default: `slack.channel`."""
    mention: Annotated[list[Mention], BeforeValidator(_as_list), Field(max_length=20)] = []
    """Who is mentioned when it opens in the channel, and each time it gets worse or reopens: ids of people and user
    groups, or `{schedule: NAME}`."""
    escalation: str | None = None
    """The escalation that begins with it, by name."""
    team: str | None = None
    """The team that it belongs to, by name; default: as its alerts and services say."""
    quiet: QuietHours | None = None
    """Hours in which nobody is mentioned or called for incidents that are not severe; a digest comes at their end."""
    goes_on: Annotated[bool, Field(alias="continue")] = False
    """Whether the routes after this one are looked at, too: the incident is then shown in several channels."""

    @property
    def matchers(self) -> list[Matcher]:
        return [parse_matcher(text) for text in self.match]
