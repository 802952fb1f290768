"""Cards under links. https://docs.slack.dev/reference/methods/chat.unfurl"""

import re
from urllib.parse import urlsplit

from bot.localslack.blocks import problems_of
from bot.localslack.events import UNFURL_DOMAINS
from bot.localslack.method import Failed, channel_of, decoded, method, with_ids
from bot.localslack.state import APP_ID, Json, Workspace

_URL = re.compile(r"https?://[^\s<>|]+")


def links_in(text: str) -> list[Json]:
    """The links of a message of which the app is told, as an event names them."""
    urls = dict.fromkeys(url.rstrip(".,;:!?)'\"").replace("&amp;", "&") for url in _URL.findall(text))
    known = ((url, _host_of(url)) for url in urls)
    return [{"domain": host, "url": url} for url, host in known if host in UNFURL_DOMAINS]


def _host_of(url: str) -> str:
    try:
        return urlsplit(url).hostname or ""
    except ValueError:
        return ""


@method("chat.unfurl")
def unfurl(workspace: Workspace, given: Json, base: str) -> Json:
    message = channel_of(workspace, given).find(str(given.get("ts", "")))
    unfurls = decoded(given.get("unfurls"))
    if not isinstance(unfurls, dict) or not unfurls:
        raise Failed("missing_unfurls")
    if message is None:
        raise Failed("cannot_find_message")
    shared = {link["url"] for link in links_in(message["text"])}
    if not unfurls.keys() <= shared:
        raise Failed("cannot_unfurl_url")
    message["attachments"] = [_attachment(url, unfurl) for url, unfurl in unfurls.items()]
    return {}


def _attachment(url: str, unfurl: Json) -> Json:
    problems = problems_of(unfurl.get("blocks"))
    if problems:
        raise Failed("invalid_blocks", response_metadata={"messages": [f"[ERROR] {one}" for one in problems]})
    return {"from_url": url, "is_app_unfurl": True, "app_id": APP_ID, "blocks": with_ids(unfurl["blocks"])}
