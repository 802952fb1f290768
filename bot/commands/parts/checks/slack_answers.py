"""What Slack answers, or what answers in its place: a proxy, a login page, nothing at all. And what to do about it."""

from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any

import aiohttp
from slack_sdk.errors import SlackApiError, SlackClientError
from slack_sdk.web.async_slack_response import AsyncSlackResponse

from bot.errors import TandemError

_UNREACHABLE = "Slack cannot be reached"
_NOT_SLACK = "what answers is not Slack"
_BROKEN = "Slack has a fault of its own"
_LIMITED = "Slack takes no more requests for now"
_PROXY_STATUS = 407
_ITS_OWN = frozenset({"internal_error", "fatal_error", "service_unavailable", "request_timeout", "team_added_to_org"})
_NEW_TOKEN = frozenset({"account_inactive", "token_revoked", "token_expired", "invalid_auth", "not_authed"})
_ADMIN = frozenset({"org_login_required", "ekm_access_denied", "enterprise_is_restricted", "accesslimited"})


async def asked(call: Callable[[], Awaitable[AsyncSlackResponse]]) -> AsyncSlackResponse | str:
    """Slack's answer, which is a mapping; or why there is none, as Slack's code or in words."""
    try:
        answer = await call()
    except SlackApiError as error:
        return _problem_of(error)
    except (SlackClientError, TandemError, TimeoutError, aiohttp.ClientError, OSError) as error:
        return f"{_UNREACHABLE}: {type(error).__name__} {error}".strip()
    except Exception as error:  # slack_sdk reads whatever comes as if Slack had written it
        return f"{_NOT_SLACK}: {type(error).__name__}"
    return answer if isinstance(answer.data, dict) else f"{_NOT_SLACK}: no JSON object"


def _problem_of(error: SlackApiError) -> str:
    status = int(getattr(error.response, "status_code", 0) or getattr(error.response, "status", 0))
    data: Any = getattr(error.response, "data", None)
    code = data.get("error") if isinstance(data, dict) else None
    if status == 429 or code in ("ratelimited", "rate_limited"):
        return _LIMITED
    if isinstance(code, str) and code:
        return f"{_BROKEN}: {code}" if code in _ITS_OWN else code[:100]
    form = "an empty body or no JSON" if not data else "JSON of another form"
    return f"{_NOT_SLACK}, or Slack is down: HTTP {status} with {form}"


def advice_for(problem: str) -> str:
    """What to do about a problem with the bot's token or with reaching Slack."""
    if problem.startswith(_UNREACHABLE):
        return "Check the network, the proxy (HTTPS_PROXY) and SLACK_API_URL."
    if problem.startswith(_NOT_SLACK):
        login = " The proxy wants a login: HTTPS_PROXY=http://USER:PASSWORD@HOST:PORT." * (
            f"HTTP {_PROXY_STATUS}" in problem
        )
        return f"Check the proxy (HTTPS_PROXY) and SLACK_API_URL; if they are right, see slack-status.com.{login}"
    if problem.startswith((_BROKEN, _LIMITED)):
        return "Wait a minute and run `tandem doctor` again; slack-status.com says what Slack knows of it."
    if problem in _NEW_TOKEN:
        return "Install the app again and copy its Bot User OAuth Token (xoxb-…) to SLACK_BOT_TOKEN."
    if problem == "not_allowed_token_type":
        return "SLACK_BOT_TOKEN is another kind of token: copy the app's Bot User OAuth Token (xoxb-…)."
    if problem in _ADMIN:
        return "An administrator of the workspace or the organisation has to let the app in."
    if problem == "missing_scope":
        return "Add the scopes of deploy/slack-manifest.yaml under OAuth & Permissions, then reinstall the app."
    return "Look the code up at https://docs.slack.dev/reference/methods/auth.test#errors."


def is_about_reaching(problem: str) -> bool:
    """Whether it says nothing about what was asked, as Slack was not reached or did not work."""
    return problem.startswith((_UNREACHABLE, _NOT_SLACK, _BROKEN, _LIMITED))


def header(headers: Mapping[str, Any], name: str) -> str:
    return next((str(value) for key, value in headers.items() if key.lower() == name), "")


def clock_skew(headers: Mapping[str, Any]) -> timedelta | None:
    """By how much our clock is ahead of the answer's; None where the answer has no readable time."""
    try:
        moment = parsedate_to_datetime(header(headers, "date"))
    except (TypeError, ValueError):
        return None
    return datetime.now(UTC) - (moment if moment.tzinfo else moment.replace(tzinfo=UTC))
