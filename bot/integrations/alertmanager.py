"""Silences in Alertmanager and in Grafana, whose API for them is Alertmanager's.

https://github.com/prometheus/alertmanager/blob/main/api/v2/openapi.yaml
https://grafana.com/docs/grafana/latest/developers/http_api/alerting_provisioning/
"""

from datetime import datetime
from urllib.parse import quote

import aiohttp
import msgspec

from bot.domain.matcher import Matcher, Operator, parse_matcher
from bot.domain.silence import Silence
from bot.integrations.http import ToolFailure, ToolRefused, call, printable
from bot.integrations.silences import TheirSilence

GRAFANA_PATH = "/api/alertmanager/grafana"
_OPERATORS: dict[tuple[bool, bool], Operator] = {
    (False, True): "=",
    (False, False): "!=",
    (True, True): "=~",
    (True, False): "!~",
}
_SHAPES = {operator: shape for shape, operator in _OPERATORS.items()}


class _Matcher(msgspec.Struct, frozen=True, rename="camel"):
    name: str
    value: str
    is_regex: bool
    is_equal: bool = True


class _State(msgspec.Struct, frozen=True):
    state: str


class _Gettable(msgspec.Struct, frozen=True, rename="camel"):
    id: str
    status: _State
    matchers: list[_Matcher]
    starts_at: datetime
    ends_at: datetime
    created_by: str = ""
    comment: str = ""


class _Posted(msgspec.Struct, frozen=True):
    silence_id: str = msgspec.field(name="silenceID")


_decode = msgspec.json.Decoder(list[_Gettable]).decode
_decode_posted = msgspec.json.Decoder(_Posted).decode


class AlertmanagerSilences:
    """``url`` ends before ``/api/v2``; ``token`` is shown as a bearer token where there is one."""

    def __init__(self, name: str, title: str, url: str, token: str | None) -> None:
        self.name, self.title = name, title
        self._api = f"{url.rstrip('/')}/api/v2"
        self._headers = {"Authorization": f"Bearer {token}"} if token else {}

    async def silences(self, session: aiohttp.ClientSession) -> list[TheirSilence]:
        """All that it knows, also those that are over. Raises ToolFailure, ToolRefused."""
        body = await call(session, "GET", f"{self._api}/silences", self._headers)
        try:
            return [_theirs(silence) for silence in _decode(body)]
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise ToolFailure(f"its silences cannot be read: {error}") from error

    async def add(
        self, session: aiohttp.ClientSession, silence: Silence, created_by: str, comment: str, replaces: str
    ) -> str:
        """Make a silence, in place of one where that is named; returns its id. Raises ToolFailure, ToolRefused."""
        wanted = {
            "matchers": [_shaped(matcher) for matcher in silence.matchers],
            "startsAt": silence.starts_at.isoformat(),
            "endsAt": silence.ends_at.isoformat(),
            "createdBy": created_by,
            "comment": comment,
            **({"id": replaces} if replaces else {}),
        }
        body = await call(session, "POST", f"{self._api}/silences", self._headers, wanted)
        try:
            return _decode_posted(body).silence_id
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise ToolFailure(f"its answer to a new silence cannot be read: {error}") from error

    async def end(self, session: aiohttp.ClientSession, there: str) -> None:
        """Let a silence expire; one that is gone is over. Raises ToolFailure, ToolRefused."""
        try:
            await call(session, "DELETE", f"{self._api}/silence/{quote(there, safe='')}", self._headers)
        except ToolRefused as refused:
            if refused.status != 404:
                raise


def grafana_silences(url: str, token: str) -> AlertmanagerSilences:
    """Those of Grafana's own Alertmanager; the token is a service account's that may write silences."""
    return AlertmanagerSilences("grafana", "Grafana", url.rstrip("/") + GRAFANA_PATH, token)


def alertmanager_silences(url: str, token: str | None) -> AlertmanagerSilences:
    return AlertmanagerSilences("alertmanager", "Alertmanager", url, token)


def _shaped(matcher: Matcher) -> dict[str, object]:
    is_regex, is_equal = _SHAPES[matcher.operator]
    return {"name": matcher.label, "value": matcher.value, "isRegex": is_regex, "isEqual": is_equal}


def _theirs(silence: _Gettable) -> TheirSilence:
    return TheirSilence(
        id=silence.id,
        matchers=_matchers(silence.matchers),
        starts_at=silence.starts_at,
        ends_at=silence.ends_at,
        expired=silence.status.state == "expired",
        created_by=printable(silence.created_by)[:100],
        comment=printable(silence.comment)[:500],
    )


def _matchers(given: list[_Matcher]) -> list[Matcher] | None:
    """None where one of them cannot be used here."""
    try:
        return [
            parse_matcher(str(Matcher(one.name, _OPERATORS[one.is_regex, one.is_equal], one.value))) for one in given
        ]
    except ValueError:
        return None
