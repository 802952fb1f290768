"""What Slack's errors mean for the caller: retry later, a person has to act, or never."""

from typing import Any

from slack_sdk.errors import SlackApiError

from bot.errors import TandemError
from bot.notify.channel import (
    Call,
    ChannelFailure,
    ChannelRefusal,
    ContentRefused,
    MessageGone,
    MessageRefused,
    RateLimited,
)

# https://docs.slack.dev/reference/methods/chat.postMessage#errors
TOKEN_REFUSED = frozenset(
    {"invalid_auth", "not_authed", "account_inactive", "token_revoked", "token_expired", "not_allowed_token_type"}
)
"""Whatever is called, the token is not taken."""
_REFUSED = {
    *TOKEN_REFUSED,
    "no_permission",
    "missing_scope",
    "org_login_required",
    "ekm_access_denied",
    "team_access_not_granted",
    "channel_not_found",
    "not_in_channel",
    "is_archived",
    "is_inactive",
    "restricted_action",
    "restricted_action_read_only_channel",
    "posting_to_channel_denied",
}
_CONTENT = {
    "invalid_blocks",
    "invalid_blocks_format",
    "msg_too_long",
    "msg_blocks_too_long",
    "no_text",
    "invalid_metadata_format",
    "alt_txt_too_large",
    "file_type_not_allowed",
    "file_upload_size_restricted",
    "file_uploads_disabled",
}
_GONE = {
    "message_not_found",
    "cant_update_message",
    "cant_delete_message",
    "compliance_exports_prevent_deletion",
    "thread_not_found",
}
_LATER = {
    "internal_error",
    "fatal_error",
    "service_unavailable",
    "request_timeout",
    "rollup_error",
    "team_added_to_org",
    "accesslimited",
}
LIMITED_TOGETHER: dict[str, Call] = {
    "conversations.list": "key",
    "conversations.open": "open",
    "chat.getPermalink": "address",
    "chat.postMessage": "post",
    "chat.update": "update",
    "chat.delete": "delete",
    "conversations.history": "find",
    "conversations.replies": "find_reply",
    "files.getUploadURLExternal": "upload",
    "files.completeUploadExternal": "share",
}
"""https://docs.slack.dev/apis/web-api/rate-limits: Slack limits each method for itself."""


def code_of(error: SlackApiError) -> str:
    """What Slack calls the error; the status where something else answered in Slack's place."""
    data = getattr(error.response, "data", error.response)
    named = data.get("error") if isinstance(data, dict) else None
    return str(named or f"HTTP {getattr(error.response, 'status_code', '?')}")


def meaning_of(method: str, error: SlackApiError) -> TandemError:
    """The error of the port that a refused call stands for."""
    response = error.response
    status = getattr(response, "status_code", 0)
    data = getattr(response, "data", None)
    code = data.get("error", "") if isinstance(data, dict) else ""
    if status == 429 or code in ("ratelimited", "rate_limited"):
        return RateLimited(f"{method}: rate limited", retry_after_of(error), LIMITED_TOGETHER[method])
    if code in _REFUSED:
        needed = f" (needs the scope {data['needed']})" if isinstance(data, dict) and data.get("needed") else ""
        return ChannelRefusal(f"{method}: {code}{needed}")
    if code in _CONTENT:
        details = (data.get("response_metadata") or {}).get("messages", []) if isinstance(data, dict) else []
        return ContentRefused(f"{method}: {code} {'; '.join(map(str, details))}".strip())
    if code in _GONE:
        return MessageGone(f"{method}: {code}")
    if code and code not in _LATER:  # also one that Slack adds tomorrow: it may be about this message alone
        return MessageRefused(f"{method}: {code}")
    return ChannelFailure(f"{method}: {code or f'HTTP {status}'}")


def retry_after_of(error: SlackApiError) -> float:
    """What the answer asks for, in seconds, within reason."""
    headers = {name.lower(): value for name, value in error.response.headers.items()}
    return _seconds(headers.get("retry-after"))


def _seconds(value: Any) -> float:
    try:
        return min(max(float(value), 1.0), 3600.0)
    except (TypeError, ValueError):
        return 30.0
