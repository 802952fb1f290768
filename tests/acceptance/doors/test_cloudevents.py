"""CloudEvents from a sender that uses the official package, in every mode that its HTTP binding knows."""

import json
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime
from typing import Any

import pytest
import pytest_asyncio
from cloudevents.core.bindings.http import HTTPMessage, to_binary_event, to_structured_event
from cloudevents.core.v1.event import CloudEvent

from tests.acceptance.harness import Tandem, running, until
from tests.acceptance.wire import AUTHENTIC, Answer, send

pytestmark = pytest.mark.asyncio(loop_scope="module")

BATCH = "application/cloudevents-batch+json"
STRUCTURED = "application/cloudevents+json"
BINARY = {"ce-specversion": "1.0", "ce-id": "1", "ce-source": "/jobs", "ce-type": "job.failed"}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def tandem(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Tandem]:
    async with running(tmp_path_factory.mktemp("cloudevents"), {}) as tandem:
        yield tandem


def _event(data: Any = None, **attributes: Any) -> CloudEvent:
    given = {"id": "1", "source": "/jobs", "type": "job.failed", "specversion": "1.0", **attributes}
    return CloudEvent({"datacontenttype": "application/json", **given}, data)


async def _send(tandem: Tandem, message: HTTPMessage) -> Answer:
    return await send(f"{tandem.url}/webhooks/cloudevents", message.body, AUTHENTIC | message.headers)


async def _raw(tandem: Tandem, body: Any, content_type: str = STRUCTURED, **headers: str) -> Answer:
    encoded = body if isinstance(body, bytes) else json.dumps(body).encode()
    return await _send(tandem, HTTPMessage({"content-type": content_type, **headers}, encoded))


async def _incident(tandem: Tandem, service: str, status: str = "triggered") -> dict[str, Any]:
    """The incident about a service, once it has a status."""

    async def is_so() -> bool:
        return any(i["services"] == [service] and i["status"] == status for i in await tandem.incidents())

    await until(is_so, f"an incident about {service} is {status}")
    found: list[dict[str, Any]] = [i for i in await tandem.incidents() if i["services"] == [service]]
    assert len(found) == 1
    return found[0]


@pytest.mark.parametrize("pack", [to_binary_event, to_structured_event])
async def test_an_alert_of_our_own_schema_is_taken_as_it_is(
    tandem: Tandem, pack: Callable[[CloudEvent], HTTPMessage]
) -> None:
    service = f"own-{pack.__name__}"
    data = {
        "labels": {"alertname": "ModelStale", "service": service},
        "annotations": {"summary": "not trained for a week"},
        "severity": "critical",
        "starts_at": "2026-01-01T10:00:00+02:00",
        "link": "https://jobs.example/7",
    }
    answer = await _send(tandem, pack(_event(data)))
    assert (answer.status, answer.json) == (202, {"accepted": 1})
    incident = await _incident(tandem, service)
    alert = incident["alerts"][0]
    assert incident["severity"] == "critical"
    assert alert["labels"] == {"alertname": "ModelStale", "service": service, "severity": "critical"}
    assert alert["annotations"] == data["annotations"]
    assert (alert["starts_at"], alert["link"]) == ("2026-01-01T08:00:00Z", data["link"])
    assert (await _send(tandem, pack(_event(data | {"status": "resolved"})))).status == 202
    await _incident(tandem, service, "resolved")


@pytest.mark.parametrize("pack", [to_binary_event, to_structured_event])
async def test_any_other_event_becomes_an_alert_named_after_its_type_until_its_like_resolves_it(
    tandem: Tandem, pack: Callable[[CloudEvent], HTTPMessage]
) -> None:
    service = f"other-{pack.__name__}"
    event = _event({"message": "no rows"}, subject=service, time=datetime(2026, 1, 1, 8, tzinfo=UTC))
    assert (await _send(tandem, pack(event))).status == 202
    alert = (await _incident(tandem, service))["alerts"][0]
    assert (alert["labels"]["alertname"], alert["annotations"]["summary"]) == ("job.failed", "no rows")
    assert (alert["starts_at"], alert["source"]) == ("2026-01-01T08:00:00Z", "cloudevents")
    assert (await _send(tandem, pack(_event(type="job.failed.resolved", subject=service)))).status == 202
    await _incident(tandem, service, "resolved")


async def test_a_batch_is_taken_whole(tandem: Tandem) -> None:
    events = [json.loads(to_structured_event(_event(id=str(i), subject=f"batch-{i}")).body) for i in range(3)]
    answer = await _raw(tandem, events, BATCH)
    assert (answer.status, answer.json) == (202, {"accepted": 3})
    for i in range(3):
        await _incident(tandem, f"batch-{i}")
    assert (await _raw(tandem, [], BATCH)).json == {"accepted": 0}


async def test_one_bad_event_of_a_batch_is_set_aside_alone_and_named(tandem: Tandem) -> None:
    good = json.loads(to_structured_event(_event(subject="unspoilt")).body)
    answer = await _raw(tandem, [good, {"specversion": "1.0"}], BATCH)
    assert answer.status == 202
    assert answer.json["accepted"] == 1
    [refused] = answer.json["refused"]
    assert refused["index"] == 1 and "$[1]" in refused["reason"]
    await _incident(tandem, "unspoilt")


async def test_data_that_is_no_json_is_carried_and_nothing_is_read_from_it(tandem: Tandem) -> None:
    message = to_binary_event(_event(b"\x00\xff", datacontenttype="application/octet-stream", subject="bytes"))
    assert (await _send(tandem, message)).status == 202
    await _incident(tandem, "bytes")


def _structured(**attributes: Any) -> dict[str, Any]:
    return {"specversion": "1.0", "id": "1", "source": "/jobs", "type": "job.failed", **attributes}


MALFORMED: dict[str, tuple[Any, str]] = {
    "nothing": (b"", "truncated"),
    "broken JSON": (b'{"specversion"', "truncated"),
    "an array": ([], "Expected `object`, got `array`"),
    "null": (None, "Expected `object`, got `null`"),
    "nothing of CloudEvents": ({}, "source"),
    "another version": (_structured(specversion="9"), "specversion"),
    "a version that is a number": (_structured(specversion=1), "specversion"),
    "an id that is a number": (_structured(id=1), "id: "),
    "an empty source": (_structured(source=""), "source: "),
    "a type that is null": (_structured(type=None), "type: "),
    "a subject that is an object": (_structured(subject={}), "subject: "),
    "a moment that is none": (_structured(time="yesterday"), "$.time"),
    "a moment that is a number": (_structured(time=5), "$.time"),
    "a moment without a zone": (_structured(time="2026-01-01T00:00:00"), "time: "),
    "an unknown attribute of another form": (_structured(Bad_Name="x"), "Bad_Name"),
    "a beginning without a zone": (_structured(data={"labels": {}, "starts_at": "2026-01-01T00:00:00"}), "$.starts_at"),
    "data in no base64": (_structured(data_base64=5), "data"),
    "invalid UTF-8": (b'{"specversion": "\xff"}', "'utf-8' codec"),
    "arrays in arrays": (b'{"specversion": "1.0", "data": ' + b"[" * 100_000, "recursion depth"),
    "a number of 5000 digits": (json.dumps(_structured(data=0)).replace("0}", "9" * 5000 + "}").encode(), "data: "),
}


@pytest.mark.parametrize("case", MALFORMED)
async def test_what_is_no_cloudevent_is_refused_with_the_field_that_is_wrong(tandem: Tandem, case: str) -> None:
    body, said = MALFORMED[case]
    answer = await _raw(tandem, body)
    assert answer.status == 400
    assert said in answer.problem


@pytest.mark.parametrize(
    ("headers", "body", "said"),
    [
        (BINARY | {"ce-time": "yesterday"}, b"{}", "$.time"),
        (BINARY | {"ce-specversion": "2"}, b"{}", "specversion"),
        ({"ce-id": "1"}, b"{}", "source"),
        (BINARY, b"{", "data: "),
        (BINARY, b"\xff", "data: "),
        (BINARY, b"[" * 100_000, "data: "),
    ],
)
async def test_headers_and_data_in_binary_mode_are_checked_as_well(
    tandem: Tandem, headers: dict[str, str], body: bytes, said: str
) -> None:
    answer = await _raw(tandem, body, "application/json", **headers)
    assert answer.status == 400
    assert said in answer.problem


async def test_a_batch_of_any_number_of_events_is_taken_in_parts(tandem: Tandem) -> None:
    one = json.loads(to_structured_event(_event(subject="many")).body)
    answer = await _raw(tandem, [one | {"id": str(n)} for n in range(10_001)], BATCH)
    assert (answer.status, answer.json) == (202, {"accepted": 10_001})


async def test_a_batch_of_which_nothing_is_an_event_is_refused(tandem: Tandem) -> None:
    assert (await _raw(tandem, [0] * 3, BATCH)).status == 400
