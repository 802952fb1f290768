"""``tandem doctor`` survives whatever answers in Slack's place, and gives the advice that fits."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from bot.commands.parts.checks.finding import Finding, Mark
from bot.commands.parts.doctor import SCOPES, diagnose
from bot.config import Config

Answer = tuple[int, str, bytes]

ODD: list[Answer] = [
    (500, "", b""),
    (502, "text/html", b"<html>Bad gateway</html>"),
    (200, "text/html", b"<html>Please log in</html>"),
    (200, "text/plain", b"hello"),
    (200, "application/json", b"[]"),
    (200, "application/json", b'[{"ok": true}]'),
    (200, "application/json", b'"ok"'),
    (200, "application/json", b"null"),
    (200, "application/json", b"{}"),
    (200, "application/json", b"no json"),
    (200, "application/json", b"\xff\xfe"),
    (200, "application/octet-stream", b"\xff\xfe"),
    (200, "", b""),
    (404, "application/json", b'{"message": "no route"}'),
]


@asynccontextmanager
async def answering(answer: Callable[[web.Request], Awaitable[web.Response]]) -> AsyncIterator[str]:
    """The address of something that stands in Slack's place."""
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", answer)
    server = TestServer(app)
    await server.start_server()
    yield str(server.make_url("/api/"))
    await server.close()


def of(answer: Answer) -> web.Response:
    status, kind, body = answer
    return web.Response(status=status, body=body, headers={"Content-Type": kind} if kind else {})


@pytest.fixture
def diagnosed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[[str], Awaitable[dict[str, Finding]]]:
    async def found(url: str, channel: str = "#incidents") -> dict[str, Finding]:
        for name in ("SLACK_SIGNING_SECRET", "TANDEM_CONFIG", "TANDEM_INBOX_URL"):
            monkeypatch.delenv(name, raising=False)
        monkeypatch.setenv("TANDEM_DATABASE_URL", f"sqlite:///{tmp_path}/t.db")
        monkeypatch.setenv("SLACK_BOT_TOKEN", "xoxb-1")
        monkeypatch.setenv("SLACK_APP_TOKEN", "xapp-1")
        monkeypatch.setenv("SLACK_API_URL", url)
        findings = await diagnose(lambda: Config.model_validate({"slack": {"channel": channel}}))
        assert all(finding.advice for finding in findings if finding.mark is Mark.FAIL)
        return {finding.subject: finding for finding in findings}

    return found


Diagnosed = Callable[[str], Awaitable[dict[str, Finding]]]


@pytest.mark.parametrize("odd", ODD, ids=lambda odd: f"{odd[0]} {odd[1]} {odd[2][:12]!r}")
async def test_what_is_no_answer_of_slacks_is_no_wrong_token(odd: Answer, diagnosed: Diagnosed) -> None:
    async def answer(request: web.Request) -> web.Response:
        return of(odd)

    async with answering(answer) as url:
        token = (await diagnosed(url))["Slack token"]
    assert token.failed
    assert "not Slack" in token.text
    assert "SLACK_API_URL" in token.advice and "proxy" in token.advice
    assert "Install the app again" not in token.advice


@pytest.mark.parametrize("odd", [*ODD, (200, "application/json", b'{"ok": true, "channels": [1], "channel": 1}')])
async def test_whatever_comes_after_the_token_was_taken_is_survived(odd: Answer, diagnosed: Diagnosed) -> None:
    async def answer(request: web.Request) -> web.Response:
        if request.path.endswith("auth.test"):
            headers = {"X-OAuth-Scopes": ",".join(SCOPES), "Date": "tomorrow, perhaps"}
            return web.json_response({"ok": True}, headers=headers)
        return of(odd)

    async with answering(answer) as url:
        by_name = await diagnosed(url)
        by_id = await diagnosed(url, "C0123456789")  # type: ignore[call-arg]
    assert by_name["Slack token"].mark is Mark.OK
    assert by_name["clock"].mark is Mark.WARN
    for found in (by_name, by_id):
        assert found["channel"].failed
        assert found["Socket Mode"].failed or b'"ok": true' in odd[2]
    assert "Create #incidents" not in by_name["channel"].advice


@pytest.mark.parametrize(
    ("status", "error", "text", "advice"),
    [
        (200, "invalid_auth", "invalid_auth", "copy its Bot User OAuth Token"),
        (200, "token_revoked", "token_revoked", "Install the app again"),
        (200, "not_allowed_token_type", "not_allowed_token_type", "another kind of token"),
        (200, "org_login_required", "org_login_required", "administrator"),
        (200, "internal_error", "fault of its own", "Wait a minute"),
        (500, "fatal_error", "fault of its own", "Wait a minute"),
        (429, "ratelimited", "no more requests", "Wait a minute"),
        (200, "an_error_of_tomorrow", "an_error_of_tomorrow", "auth.test#errors"),
    ],
)
async def test_the_advice_is_about_the_error(
    status: int, error: str, text: str, advice: str, diagnosed: Diagnosed
) -> None:
    async def answer(request: web.Request) -> web.Response:
        return web.json_response({"ok": False, "error": error}, status=status)

    async with answering(answer) as url:
        token = (await diagnosed(url))["Slack token"]
    assert text in token.text
    assert advice in token.advice


async def test_a_proxy_that_wants_a_login_is_told_from_slack(diagnosed: Diagnosed) -> None:
    async def answer(request: web.Request) -> web.Response:
        return web.Response(status=407, text="who are you?")

    async with answering(answer) as url:
        token = (await diagnosed(url))["Slack token"]
    assert "HTTPS_PROXY=http://USER:PASSWORD@HOST:PORT" in token.advice
