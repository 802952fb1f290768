"""What a query may ask the API for: a parameter that does not exist is an error, and never ignored."""

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from handlers.api.server import Api, Health
from tests.integration.pipeline_driver import Pipeline

AUTH = {"Authorization": "Bearer s3cret"}


@pytest.mark.parametrize(
    ("path", "detail"),
    [
        ("/api/incidents?statuss=open", "'statuss' is no known parameter; did you mean 'status'?"),
        ("/api/incidents?status=open&limits=5", "'limits' is no known parameter; did you mean 'limit'?"),
        (
            "/api/incidents?zzz=1",
            "'zzz' is no known parameter; known are alerts, cursor, limit, q, service, severity, since, status, team",
        ),
        ("/api/incidents?Status=open", "'Status' is no known parameter; did you mean 'status'?"),
        ("/api/incidents?limit=5&limit=6", "limit is given more than once"),
        ("/api/incidents/abc?verbose=1", "'verbose' is no known parameter; this endpoint takes none"),
    ],
)
async def test_an_unknown_parameter_is_refused_with_the_nearest_known_one(
    pipeline: Pipeline, path: str, detail: str
) -> None:
    app = web.Application()
    Api(pipeline.database, pipeline.inbox, "s3cret", Health(lambda: ("off", True))).add_routes(app)
    async with TestClient(TestServer(app)) as client:
        answer = await client.get(path, headers=AUTH)
        assert (answer.status, answer.content_type) == (400, "application/problem+json")
        assert (await answer.json())["detail"] == detail
        assert (await client.get(path)).status == 401, "who does not know the token learns nothing"
        assert (await client.get("/api/incidents?status=open&limit=5", headers=AUTH)).status == 200
