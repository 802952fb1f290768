"""Whatever comes, no door breaks: it takes or refuses in order, and what it took is worked through."""

import copy
import json
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import quote, urlencode

import aiohttp
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from yarl import URL

from tests.acceptance.harness import Tandem, alert, delivery, running, until
from tests.acceptance.wire import AUTHENTIC

EXAMPLES = 400


class Request(NamedTuple):
    method: str
    path: str
    headers: dict[str, str]
    body: bytes


_texts = st.text(st.characters(exclude_categories=()), max_size=30) | st.sampled_from(
    ["", "\0", "<!channel>", "x" * 3000, "0001-01-01T00:00:00Z", "9999-12-31T23:59:59Z", "2026-01-01T00:00:00+14:00"]
)
_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | _texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_texts, inner, max_size=3),
    max_leaves=6,
)
_header_values = st.text(st.characters(min_codepoint=0x21, max_codepoint=0xFF, exclude_characters="\x7f"), min_size=1)


def _places(value: Any, here: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Where something stands inside a JSON value."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, below in inner:
        yield (*here, key)
        yield from _places(below, (*here, key))


@st.composite
def _spoilt(draw: st.DrawFn, sound: Any) -> Any:
    """A sound value in which a few things are replaced or missing."""
    value = copy.deepcopy(sound)
    for _ in range(draw(st.integers(0, 3))):
        places = list(_places(value))
        if not places:
            break
        *way, last = draw(st.sampled_from(places))
        parent = value
        for key in way:
            parent = parent[key]
        if draw(st.booleans()):
            parent[last] = draw(_values)
        else:
            del parent[last]
    return value


def _encoded(value: Any) -> bytes:
    return json.dumps(value).encode()


_ALERTMANAGER = delivery(alert(), alert("resolved"), truncatedAlerts=1) | {"commonLabels": {"service": "checkout"}}
_OWN = {"labels": {"alertname": "A", "service": "s"}, "severity": "high", "starts_at": "2026-01-01T00:00:00Z"}
_CLOUDEVENT = {
    "specversion": "1.0",
    "id": "1",
    "source": "/s",
    "type": "t",
    "subject": "s",
    "time": "2026-01-01T00:00:00Z",
    "data": _OWN | {"link": "https://example.com", "status": "firing"},
}
_BATCH = {"Content-Type": "application/cloudevents-batch+json"}
_BINARY = {"ce-specversion": "1.0", "ce-id": "1", "ce-source": "/s", "ce-type": "t"}
_NO_HEADERS: st.SearchStrategy[dict[str, str]] = st.just({})
_POST = st.just("POST")
_binary_headers = st.builds(
    lambda given, missing: {**_BINARY, **given} if not missing else given,
    st.dictionaries(st.sampled_from([*(f"ce-{name}" for name in _CLOUDEVENT), "ce-x", "Content-Type"]), _header_values),
    st.booleans(),
)
_bodies = st.binary(max_size=200) | _values.map(_encoded)
_odd_headers = st.dictionaries(st.sampled_from(["Content-Encoding", "Content-Type", "Accept"]), _header_values)
_slack_headers = st.dictionaries(
    st.sampled_from(["X-Slack-Signature", "X-Slack-Request-Timestamp"]), _header_values | st.just("1")
)
_queries = st.dictionaries(
    st.sampled_from(["limit", "cursor", "status"]), st.text() | st.integers(-1, 600).map(str)
).map(lambda query: f"/api/incidents?{urlencode(query)}")
_ids = st.text(min_size=1).map(lambda text: f"/api/incidents/{quote(text, safe='')}")
_paths = st.text().map(lambda text: f"/{quote(text)}") | st.text().map(lambda text: f"/webhooks/{quote(text)}")
_methods = st.sampled_from(["GET", "POST", "PUT", "DELETE", "HEAD", "OPTIONS"])


def _to(
    path: str | st.SearchStrategy[str],
    bodies: st.SearchStrategy[bytes],
    headers: st.SearchStrategy[dict[str, str]] = _NO_HEADERS,
    methods: st.SearchStrategy[str] = _POST,
) -> st.SearchStrategy[Request]:
    paths = st.just(path) if isinstance(path, str) else path
    return st.builds(Request, methods, paths, headers, bodies)


_requests = st.one_of(
    _to("/webhooks/alertmanager", _bodies),
    _to("/webhooks/alertmanager", _spoilt(_ALERTMANAGER).map(_encoded)),
    _to("/webhooks/cloudevents", _spoilt(_CLOUDEVENT).map(_encoded)),
    _to("/webhooks/cloudevents", _spoilt([_CLOUDEVENT, _CLOUDEVENT]).map(_encoded), st.just(_BATCH)),
    _to("/webhooks/cloudevents", _spoilt(_OWN).map(_encoded) | _bodies, _binary_headers),
    _to("/slack/events", _bodies, _slack_headers),
    _to(_paths, _bodies, _odd_headers, _methods),
    _to(_queries | _ids, st.just(b""), methods=st.just("GET")),
)


@pytest.fixture
async def tandem(tmp_path: Path, database_url: str) -> AsyncIterator[Tandem]:
    """A bot that, when all is over, must have worked through everything it took."""
    async with running(tmp_path, {}, database_url=database_url) as tandem:
        yield tandem

        async def done() -> bool:
            status, said = await tandem.get("/readyz")
            return bool(status == 200 and said["inbox_lag"] == 0)

        await until(done, "everything is worked through", 30)
        assert (await tandem.get("/readyz"))[1]["set_aside"] == 0, tandem.log.read_text()[-3000:]


@pytest.fixture
async def session() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession(headers=AUTHENTIC) as session:
        yield session


@settings(max_examples=EXAMPLES)
@given(request_=_requests)
async def test_no_door_breaks(tandem: Tandem, session: aiohttp.ClientSession, request_: Request) -> None:
    method, path, headers, body = request_
    url = URL(tandem.url + path, encoded=True)
    async with session.request(method, url, headers=headers, data=body, allow_redirects=False) as answer:
        assert answer.status < 500, await answer.text()
        if answer.status >= 400 and method != "HEAD":
            assert answer.content_type == "application/problem+json", await answer.text()
            assert (await answer.json(content_type=None))["status"] == answer.status
