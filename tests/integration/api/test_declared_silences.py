"""Silences as a declaration: what a file says holds, and saying it again changes nothing."""

from collections.abc import AsyncIterator, Callable
from datetime import timedelta
from typing import Any

import pytest

from bot.domain.event import AlertEvent
from bot.storage.queries import audit
from tests.integration.api.programs import Programs, api
from tests.integration.pipeline_driver import Pipeline

MakeAlert = Callable[..., AlertEvent]
ADDRESS = "/api/silences/move-of-the-database"


@pytest.fixture
async def programs(pipeline: Pipeline) -> AsyncIterator[Programs]:
    async with api(pipeline) as found:
        yield found


def _body(pipeline: Pipeline, *matchers: str, hours: int = 2, **more: Any) -> dict[str, Any]:
    ends = (pipeline.clock() + timedelta(hours=hours)).isoformat()
    return {"matchers": list(matchers or ('service="cart"',)), "ends_at": ends, "comment": "move", **more}


async def _actions(pipeline: Pipeline) -> list[str]:
    async with pipeline.database.read() as connection:
        return [entry["action"] for entry in await audit.entries(connection)]


async def test_declaring_it_again_changes_nothing_and_other_words_change_it(
    programs: Programs, pipeline: Pipeline
) -> None:
    body = _body(pipeline)
    status, made, headers = await programs.ci("PUT", ADDRESS, body)
    assert (status, headers["Location"], made["created_by"]) == (201, ADDRESS, "ci")
    pipeline.clock.pass_(minutes=5)
    again = await programs.ci.ok("PUT", ADDRESS, body)
    assert {**again, "matches": made["matches"]} == made
    later = await programs.ci.ok("PUT", ADDRESS, {**body, "comment": "move, delayed"})
    assert (later["starts_at"], later["comment"]) == (made["starts_at"], "move, delayed")
    assert await programs.ci.ok("GET", ADDRESS) == {**again, "comment": "move, delayed"}
    assert await _actions(pipeline) == ["silence.add", "silence.change"]


async def test_what_the_new_matchers_do_not_cover_calls(
    programs: Programs, pipeline: Pipeline, alert: MakeAlert
) -> None:
    await programs.ci.ok("PUT", ADDRESS, _body(pipeline, 'service=~"cart|checkout"'), status=201)
    await pipeline.send(alert(service="cart"), alert(service="checkout"))
    assert await pipeline.incidents() == []
    pipeline.clock.pass_(seconds=5)
    await programs.ci.ok("PUT", ADDRESS, _body(pipeline, 'service="cart"'))
    await pipeline.worker.tick()
    assert (await pipeline.only_incident()).services == ["checkout"]


async def test_a_silence_may_be_declared_for_later_and_ended_by_its_declaration(
    programs: Programs, pipeline: Pipeline, alert: MakeAlert
) -> None:
    starts = (pipeline.clock() + timedelta(hours=1)).isoformat()
    await programs.ci.ok("PUT", ADDRESS, _body(pipeline, starts_at=starts), status=201)
    await pipeline.send(alert(service="cart"))
    assert (await pipeline.only_incident()).services == ["cart"]
    pipeline.clock.pass_(minutes=90)
    ended = {**_body(pipeline, hours=0), "starts_at": starts}
    assert (await programs.ci.ok("PUT", ADDRESS, ended))["ends_at"] == "2026-03-01T13:30:00Z"
    assert (await programs.ci.ok("GET", "/api/silences"))["silences"] == []


@pytest.mark.parametrize(
    ("address", "more", "status", "why"),
    [
        ("/api/silences/Move", {}, 400, "id: give 3 to 40"),
        ("/api/silences/a", {}, 400, "id: give 3 to 40"),
        (ADDRESS, {"matchers": []}, 400, "matchers"),
        (ADDRESS, {"matchers": ["cart"]}, 400, "matchers"),
        (ADDRESS, {"ends_at": "soon"}, 400, "ends_at"),
        (ADDRESS, {"ends_at": "2026-03-01T12:00:00"}, 400, "ends_at"),
        (ADDRESS, {"ends_at": "2026-02-01T00:00:00Z"}, 409, "ends after it starts"),
        (ADDRESS, {"ends_at": "2027-02-01T00:00:00Z"}, 409, "up to 30d"),
        (ADDRESS, {"matchers": ['service=~".*"']}, 409, "whatever they are"),
        (ADDRESS, {"duration": "1h"}, 400, "duration"),
    ],
)
async def test_a_declaration_that_makes_no_sense_says_why(
    programs: Programs, pipeline: Pipeline, address: str, more: dict[str, Any], status: int, why: str
) -> None:
    assert why in await programs.ci.problem(status, "PUT", address, {**_body(pipeline), **more})


async def test_a_token_of_one_domain_neither_reads_nor_changes_anothers(programs: Programs, pipeline: Pipeline) -> None:
    await programs.ci.ok("PUT", ADDRESS, _body(pipeline, 'cluster="us-2"'), status=201)
    await programs.eu.problem(404, "GET", ADDRESS)
    await programs.eu.problem(404, "PUT", ADDRESS, _body(pipeline))
    own = await programs.eu.ok("PUT", "/api/silences/mine", _body(pipeline), status=201)
    assert own["matchers"] == ['service="cart"', 'cluster="eu-1"']
    assert await programs.eu.ok("PUT", "/api/silences/mine", _body(pipeline)) == {
        key: value for key, value in own.items() if key != "matches"
    }
    await programs.look.problem(403, "PUT", "/api/silences/other", _body(pipeline))
