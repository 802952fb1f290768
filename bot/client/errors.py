"""What the API refuses, as exceptions."""

from collections.abc import Mapping

import msgspec


class ApiError(Exception):
    """It was not done. ``status`` is that of HTTP, 0 where there was no answer; ``detail`` says why, for people."""

    def __init__(self, status: int, detail: str, retry_after: float | None = None) -> None:
        self.status, self.detail, self.retry_after = status, detail, retry_after
        super().__init__(f"{status}: {detail}" if status else detail)


class Invalid(ApiError):
    """The request makes no sense, or is too large: 400, 413, 415."""


class Unauthorized(ApiError):
    """401: no valid token."""


class Forbidden(ApiError):
    """403: the token lacks the scope."""


class NotFound(ApiError):
    """404: it is not there, or not in the token's domains."""


class Conflict(ApiError):
    """409: it cannot be done as things are."""


class Outdated(ApiError):
    """412: it has changed since the version that was given as ``seen``."""


class Unavailable(ApiError):
    """429 or 503, after all attempts: nothing was done, come again."""


class Unreachable(ApiError):
    """There was no answer, after all attempts: what was asked for may have been done, or not."""


_BY_STATUS: Mapping[int, type[ApiError]] = {
    400: Invalid,
    401: Unauthorized,
    403: Forbidden,
    404: NotFound,
    409: Conflict,
    412: Outdated,
    413: Invalid,
    415: Invalid,
    429: Unavailable,
    502: Unavailable,
    503: Unavailable,
}


class _Problem(msgspec.Struct):
    """The part of RFC 9457 that people read."""

    detail: str = ""
    title: str = ""


def failure(status: int, body: bytes, headers: Mapping[str, str]) -> ApiError:
    """The exception for an answer that is none of success."""
    try:
        problem = msgspec.json.decode(body, type=_Problem)
    except (msgspec.DecodeError, msgspec.ValidationError):  # of a proxy
        problem = _Problem(body[:200].decode(errors="replace"))
    after = headers.get("retry-after", "")
    seconds = float(after) if after.isdecimal() else None
    return _BY_STATUS.get(status, ApiError)(status, problem.detail or problem.title, seconds)
