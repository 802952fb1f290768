"""Changes over real HTTP, each authentic as its sender is: signed, with a secret shown, or with our token."""

import base64
import hashlib
import hmac
import json
import sqlite3
from collections.abc import AsyncIterator, Mapping
from contextlib import closing
from typing import Any

import pytest
import pytest_asyncio

from tests.acceptance.harness import TOKEN, Tandem, running, until
from tests.acceptance.wire import AUTHENTIC, Answer, send
from tests.unit.sources.test_changes_argocd import SYNC
from tests.unit.sources.test_changes_changes import CHANGE
from tests.unit.sources.test_changes_github import DEPLOYMENT_STATUS, RELEASE
from tests.unit.sources.test_changes_gitlab import DEPLOYMENT

pytestmark = pytest.mark.asyncio(loop_scope="module")

SECRETS = {"TANDEM_GITHUB_SECRET": "It's a Secret to Everybody", "TANDEM_GITLAB_SECRET": "shown-secret"}
SIGNING_TOKEN = b"a key of thirty-two bytes, no less"
Json = Mapping[str, Any]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def tandem(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Tandem]:
    async with running(tmp_path_factory.mktemp("changes"), {}, environment=SECRETS) as tandem:
        yield tandem


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def other_tandem(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Tandem]:
    """One without a secret for GitHub, and with a signing token for GitLab."""
    token = f"whsec_{base64.b64encode(SIGNING_TOKEN).decode()}"
    environment = {"TANDEM_GITLAB_SECRET": token, "TANDEM_GITHUB_SECRET": ""}
    async with running(tmp_path_factory.mktemp("other"), {}, environment=environment) as tandem:
        yield tandem


async def _post(tandem: Tandem, source: str, body: Json | bytes, **headers: str) -> Answer:
    encoded = body if isinstance(body, bytes) else json.dumps(body).encode()
    written = {name.replace("_", "-"): value for name, value in headers.items()}
    return await send(f"{tandem.url}/webhooks/{source}", encoded, {"Content-Type": "application/json", **written})


async def _github(tandem: Tandem, body: Json, event: str = "deployment_status", **headers: str) -> Answer:
    encoded = json.dumps(body).encode()
    digest = hmac.new(SECRETS["TANDEM_GITHUB_SECRET"].encode(), encoded, hashlib.sha256).hexdigest()
    given = {"X_Hub_Signature_256": f"sha256={digest}", "X_GitHub_Event": event, **headers}
    return await _post(tandem, "github", encoded, **given)


def _titles(tandem: Tandem) -> set[str]:
    with closing(sqlite3.connect(tandem.folder / "tandem.db")) as database:
        return {title for (title,) in database.execute("SELECT title FROM change")}


async def _noted(tandem: Tandem, title: str) -> None:
    async def is_there() -> bool:
        return title in _titles(tandem)

    await until(is_there, f"the change {title!r} is written down")


async def test_what_github_signs_is_taken_and_written_down(tandem: Tandem) -> None:
    answer = await _github(tandem, DEPLOYMENT_STATUS)
    assert (answer.status, answer.json) == (202, {"accepted": 1})
    await _noted(tandem, "checkout main to production (success)")
    assert (await _github(tandem, RELEASE, "release")).status == 202
    await _noted(tandem, "checkout v1.4.2 released")
    assert (await _github(tandem, {"zen": "Design for failure."}, "ping")).json == {"accepted": 0}


@pytest.mark.parametrize(
    "headers",
    [
        {"X_Hub_Signature_256": f"sha256={'0' * 64}"},
        {"X_Hub_Signature_256": ""},
        {"X_Hub_Signature_256": "sha256=é"},
        {"X_Hub_Signature_256": "", "Authorization": f"Bearer {TOKEN}"},
    ],
)
async def test_without_githubs_signature_nothing_is_taken_also_not_with_our_token(
    tandem: Tandem, headers: dict[str, str]
) -> None:
    forged = DEPLOYMENT_STATUS | {"repository": DEPLOYMENT_STATUS["repository"] | {"name": "forged"}}
    answer = await _github(tandem, forged, **headers)
    assert answer.status == 401
    assert answer.problem == "The signature of github does not hold for this body."
    assert SECRETS["TANDEM_GITHUB_SECRET"] not in answer.text
    assert not any("forged" in title for title in _titles(tandem))


async def test_a_signed_body_that_is_malformed_is_refused_with_the_place(tandem: Tandem) -> None:
    answer = await _github(tandem, DEPLOYMENT_STATUS | {"deployment": {}})
    assert answer.status == 400
    assert "$.deployment" in answer.problem


async def test_gitlab_shows_its_secret(tandem: Tandem) -> None:
    assert (await _post(tandem, "gitlab", DEPLOYMENT, X_Gitlab_Token="shown-secret")).json == {"accepted": 1}
    await _noted(tandem, "checkout main to staging (success)")
    refused = await _post(tandem, "gitlab", DEPLOYMENT, X_Gitlab_Token="another")
    assert (refused.status, refused.problem) == (401, "The signature of gitlab does not hold for this body.")


async def test_gitlab_signs_where_it_was_given_a_signing_token(other_tandem: Tandem) -> None:
    body = json.dumps(DEPLOYMENT).encode()
    digest = hmac.digest(SIGNING_TOKEN, b"7.1764590000." + body, "sha256")
    signed = {"webhook_id": "7", "webhook_timestamp": "1764590000"}
    signature = f"v1,{base64.b64encode(digest).decode()}"
    assert (await _post(other_tandem, "gitlab", body, **signed, webhook_signature=signature)).json == {"accepted": 1}
    assert (await _post(other_tandem, "gitlab", body + b" ", **signed, webhook_signature=signature)).status == 401


@pytest.mark.parametrize("signed", [False, True])
async def test_without_a_secret_nobody_is_let_in_and_the_variable_is_named(other_tandem: Tandem, signed: bool) -> None:
    headers = {} if signed else {"X_Hub_Signature_256": ""}
    answer = await _github(other_tandem, DEPLOYMENT_STATUS, **headers)
    assert answer.status == 401
    assert answer.problem == "No secret is set for github: start Tandem with TANDEM_GITHUB_SECRET."


@pytest.mark.parametrize(
    ("source", "body", "title"),
    [
        ("argocd", SYNC, "checkout-eu synchronised to 279484c09fbe (succeeded)"),
        ("changes", CHANGE, "checkout 1.4.2"),
    ],
)
async def test_the_others_send_our_token(tandem: Tandem, source: str, body: Json, title: str) -> None:
    refused = await _post(tandem, source, body)
    assert refused.status == 401
    assert "Authorization: Bearer" in refused.problem
    assert (await _post(tandem, source, body, **AUTHENTIC)).json == {"accepted": 1}
    await _noted(tandem, title)


async def test_changes_alone_open_no_incident_and_hold_nothing_up(tandem: Tandem) -> None:
    assert (await _post(tandem, "changes", CHANGE | {"title": "the last one", "id": "last"}, **AUTHENTIC)).status == 202
    await _noted(tandem, "the last one")
    assert await tandem.incidents() == []
    _, ready = await tandem.get("/readyz")
    assert (ready["inbox_lag"], ready["set_aside"]) == (0, 0)
