"""What ``/openapi.json`` says is what the API does."""

from collections.abc import Callable

import msgspec
import pytest

from bot.domain.event import AlertEvent
from handlers.api.openapi import document
from handlers.api.operation import all_operations
from handlers.api.query import read_body
from tests.integration.api.programs import api
from tests.integration.pipeline_driver import Pipeline

MakeAlert = Callable[..., AlertEvent]
pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


async def test_the_document_is_served_to_everybody_and_names_every_operation(pipeline: Pipeline) -> None:
    async with api(pipeline) as programs:
        answer = await programs.client.get("/openapi.json")
        found = await answer.json()
    assert found["openapi"].startswith("3.1")
    named = {(method.upper(), path) for path, methods in found["paths"].items() for method in methods}
    assert named - {(one.method, one.path) for one in all_operations()} == {
        ("GET", "/api/events"),
        ("GET", "/api/incidents/{id}/report.md"),
    }
    assert named >= {(one.method, one.path) for one in all_operations()}
    references = set(msgspec.json.encode(found).decode().split('"#/components/schemas/')[1:])
    assert {one.split('"')[0] for one in references} <= found["components"]["schemas"].keys()
    identifiers = [one["operationId"] for methods in found["paths"].values() for one in methods.values()]
    assert len(identifiers) == len(set(identifiers))


async def test_every_example_is_taken_by_the_type_that_validates(pipeline: Pipeline) -> None:
    for operation in all_operations():
        if operation.example is not None:
            read_body(msgspec.json.encode(operation.example), operation.body)


async def test_an_incident_has_every_field_that_is_described(pipeline: Pipeline, alert: MakeAlert) -> None:
    schemas = msgspec.json.decode(document())["components"]["schemas"]
    await pipeline.send(alert())
    async with api(pipeline) as programs:
        shown = await programs.ci.ok("GET", "/api/incidents/1")
    assert shown.keys() == schemas["IncidentShape"]["properties"].keys()
    assert shown["alerts"][0].keys() == schemas["AlertShape"]["properties"].keys()
    assert shown["timeline"][0].keys() == schemas["TimelineShape"]["properties"].keys()
