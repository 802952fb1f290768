"""Whatever comes, of what ``/openapi.json`` describes and not: the API never breaks, and answers as described."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio
import requests
import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from schemathesis import checks
from schemathesis.core.result import Ok
from schemathesis.generation import GenerationMode
from schemathesis.specs.openapi import checks as described

from tests.acceptance.harness import Tandem, alert, runbook, running, until
from tests.acceptance.wire import get

pytestmark = pytest.mark.asyncio(loop_scope="module")
EXAMPLES = 25
SECRET = "acceptance-api-token"
SCOPES = ["incidents:read", "incidents:write", "silences:write", "runs:propose", "models:read"]
CHECKS = [
    checks.not_a_server_error,
    described.status_code_conformance,
    described.content_type_conformance,
    described.response_schema_conformance,
]
ENDLESS = "/api/events"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def tandem(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Tandem]:
    config = {
        "api": {"tokens": [{"name": "ci", "secret": "CI", "scopes": SCOPES, "per_minute": 1_000_000}]},
        "services": {"checkout": {"depends_on": ["payments"]}},
        "teams": {"shop": {"services": ["check*"]}},
        "models": {"demand": {"features": {"price": "numeric"}, "monitors": [{"kind": "drift"}]}},
        "runbooks": {"restart": runbook("true")},
    }
    environment = {"TANDEM_SECRET_CI": SECRET}
    async with running(tmp_path_factory.mktemp("described"), config, environment=environment) as tandem:
        for service in ("checkout", "payments", "stock"):
            assert await tandem.deliver(alert(service=service), groupKey="") == 202

        async def known() -> bool:
            return bool((await get(f"{tandem.url}/api/incidents")).json["incidents"])

        await until(known, "the incidents are there")
        yield tandem


async def test_every_answer_is_one_that_is_described(tandem: Tandem) -> None:
    schema = schemathesis.openapi.from_url(f"{tandem.url}/openapi.json")
    found = [result.ok() for result in schema.get_all_operations() if isinstance(result, Ok)]
    tried = [one for one in found if one.path != ENDLESS]
    assert len(tried) > 15
    with requests.Session() as session:
        for operation in tried:
            await asyncio.to_thread(_try, operation, session)
    assert (await get(f"{tandem.url}/healthz")).status == 200


def _try(operation: Any, session: requests.Session) -> None:
    """Half of the requests are about an incident that is there."""
    modes = (GenerationMode.POSITIVE, GenerationMode.NEGATIVE)
    strategies = [operation.as_strategy(mode) for mode in modes]
    if operation.path.startswith("/api/incidents/{id}"):
        strategies += [operation.as_strategy(mode, path_parameters={"id": "1"}) for mode in modes]

    @settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck))
    @given(case=st.one_of(strategies))
    def run(case: Any) -> None:
        case.call_and_validate(session=session, headers={"Authorization": f"Bearer {SECRET}"}, checks=CHECKS)

    run()
