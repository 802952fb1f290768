"""The language model of ``assistant``: whether its endpoint is there and knows the model, without a paid request."""

import aiohttp
import msgspec

from bot.commands.parts.checks.finding import Finding, Mark
from bot.config import Config, Environment

_SUBJECT, _WITHIN, _MOST = "assistant", 10.0, 2 * 2**20


class _Model(msgspec.Struct):
    id: str = ""


class _Models(msgspec.Struct):
    data: list[_Model] = []


async def check_assistant(config: Config, environment: Environment) -> list[Finding]:
    """Nothing where none is configured. https://platform.openai.com/docs/api-reference/models/list"""
    settings, key = config.assistant, environment.llm_api_key
    if settings is None:
        return []
    headers = {"Authorization": f"Bearer {key.get_secret_value()}"} if key else {}
    advice = "Questions are answered without it meanwhile. Check assistant.url, the proxy and the firewall."
    timeout = aiohttp.ClientTimeout(total=_WITHIN)
    try:
        async with (
            aiohttp.ClientSession(timeout=timeout, trust_env=True) as session,
            session.get(f"{settings.url.rstrip('/')}/models", headers=headers, allow_redirects=False) as answer,
        ):
            status, body = answer.status, await answer.content.read(_MOST)
    except (TimeoutError, aiohttp.ClientError, OSError, ValueError) as error:
        return [Finding(Mark.WARN, _SUBJECT, f"{settings.url} cannot be reached ({type(error).__name__})", advice)]
    return [_judged(status, body, settings.model, has_key=key is not None)]


def _judged(status: int, body: bytes, model: str, has_key: bool) -> Finding:
    if status in (401, 403):
        advice = "Set TANDEM_LLM_API_KEY to a key that the endpoint takes."
        why = "refuses the key" if has_key else "wants a key, and TANDEM_LLM_API_KEY is not set"
        return Finding(Mark.WARN, _SUBJECT, f"the endpoint {why}", advice)
    try:
        known = [one.id for one in msgspec.json.decode(body, type=_Models).data] if status == 200 else []
    except (msgspec.MsgspecError, UnicodeDecodeError):
        known = []
    if not known:
        return Finding(Mark.OK, _SUBJECT, f"the endpoint answers, and does not list its models (status {status})")
    if model in known:
        return Finding(Mark.OK, _SUBJECT, f"the endpoint has the model {model}")
    advice = f"Name one of its models under assistant.model: {', '.join(sorted(known)[:5])}"
    return Finding(Mark.WARN, _SUBJECT, f"the endpoint does not list the model {model}", advice)
