"""What an API server answers: patched objects, and a Status where it refuses."""

from typing import Any

from aiohttp import web

from bot.kubernetes.resources import Resource


def merged(target: Any, patch: Any) -> Any:
    """RFC 7386."""
    if not isinstance(patch, dict):
        return patch
    result = target if isinstance(target, dict) else {}
    for key, value in patch.items():
        if value is None:
            result.pop(key, None)
        else:
            result[key] = merged(result.get(key), value)
    return result


def status(code: int, reason: str, message: str) -> dict[str, Any]:
    word = "Success" if code < 300 else "Failure"
    return {
        "kind": "Status",
        "apiVersion": "v1",
        "metadata": {},
        "status": word,
        "message": message,
        "reason": reason,
        "code": code,
    }


def failure(code: int, reason: str, message: str, **headers: str) -> web.Response:
    return web.json_response(status(code, reason, message), status=code, headers=headers)


def not_found(kind: Resource, name: str) -> web.Response:
    return failure(404, "NotFound", f'{kind.full_name} "{name}" not found')
