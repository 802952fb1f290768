"""What a receiver of Alertmanager is here: channels, people who are mentioned, and an escalation."""

import re
from collections.abc import Callable, Iterator, Mapping
from itertools import count
from typing import Any

from bot.commands.parts.alertmanager.notes import Notes
from bot.commands.parts.alertmanager.tree import Receiver
from bot.config.document import Place
from bot.domain.access.person import check_slack_id
from bot.domain.routing.route import check_channel

_MENTION = re.compile(r"<(?:!subteam\^(S[A-Z0-9]+)[^>]*|@(U[A-Z0-9]+)[^>]*|!(here|channel|everyone)[^>]*)>")
_PAGERDUTY = "https://events.pagerduty.com/v2/enqueue"
_OPSGENIE = "https://api.opsgenie.com/"
_KEYS = {"pagerduty": ("routing_key", "routing_key_file"), "opsgenie": ("api_key", "api_key_file")}


class _Draft:
    """A receiver while it is read. ``slug`` is what its escalation and its secrets are named after."""

    def __init__(self, slug: str, notes: Notes) -> None:
        self.slug, self.notes = slug, notes
        self.channels: dict[str, None] = {}
        self.mention: dict[str, None] = {}
        self.steps: list[dict[str, Any]] = []
        self.remarks: list[str] = []

    def left(self, place: Place, text: str) -> None:
        """Something that is not carried over, which a person must decide."""
        self.notes.add(place, text)
        self.remarks.append(text)


def read_receivers(value: Any, notes: Notes) -> dict[str, Receiver]:
    """By name."""
    found: dict[str, Receiver] = {}
    slugs: set[str] = set()
    for i, one in enumerate(value if isinstance(value, list) else []):
        if isinstance(one, dict) and isinstance(one.get("name"), str):
            slug = _free(slug_of(one["name"]), slugs)
            slugs.add(slug)
            found[one["name"]] = _receiver(one, ("receivers", i), _Draft(slug, notes))
    return found


def slug_of(name: str) -> str:
    """A name as tandem.yaml has them.

    >>> slug_of("Team Shop/pager")
    'team-shop-pager'
    """
    return re.sub(r"[^a-z0-9]+", "-", name.lower())[:55].strip("-") or "receiver"


def _free(slug: str, taken: set[str]) -> str:
    return next(one for n in count(1) if (one := slug if n == 1 else f"{slug}-{n}") not in taken)


def _receiver(value: Mapping[str, Any], place: Place, draft: _Draft) -> Receiver:
    lists = [(key, ones) for key, ones in value.items() if key.endswith("_configs") and isinstance(ones, list)]
    configs = [(key, i, one) for key, ones in lists for i, one in enumerate(ones)]
    for key, i, one in configs:
        take = _KINDS.get(key)
        where = (*place, key, i)
        if take and isinstance(one, dict):
            take(one, where, draft)
        else:
            kind = key.removesuffix("_configs")
            draft.left(where, f"{kind} has no counterpart here: Tandem shows the incident in Slack all the same")
    return Receiver(
        name=value["name"],
        channels=tuple(draft.channels),
        mention=tuple(draft.mention),
        escalation=draft.slug if draft.steps else None,
        steps=tuple(draft.steps),
        remarks=tuple(draft.remarks),
        silent=not configs,
    )


def _slack(one: Mapping[str, Any], place: Place, draft: _Draft) -> None:
    channel = str(one.get("channel") or "")
    if not channel:
        draft.left((*place, "channel"), "names no channel (its web hook knows it): write it into the route")
    elif "{{" in channel or channel.startswith("@"):
        what = "is a template" if "{{" in channel else "is a person"
        draft.left((*place, "channel"), f"{channel} {what}, not a channel: write routes with a channel each")
    else:
        _add_channel(channel, place, draft)
    for group, person, everybody in _MENTION.findall(" ".join(_texts_in(one))):
        if everybody:
            text = f"<!{everybody}> is mentioned by nobody here: write ids of people or user groups under mention"
            draft.left(place, text)
        else:
            _add_mention(group or person, place, draft)


def _add_channel(channel: str, place: Place, draft: _Draft) -> None:
    try:
        named = channel if channel.startswith("#") or re.fullmatch(r"[CG][A-Z0-9]{7,}", channel) else f"#{channel}"
        draft.channels[check_channel(named)] = None
    except ValueError as error:
        draft.left((*place, "channel"), f"{channel} is no channel: {error}")


def _add_mention(name: str, place: Place, draft: _Draft) -> None:
    try:
        draft.mention[check_slack_id(name)] = None
    except ValueError:
        draft.left(place, f"{name} is mentioned in its text, and no id of Slack")


def _pagerduty(one: Mapping[str, Any], place: Place, draft: _Draft) -> None:
    url = str(one.get("url") or _PAGERDUTY)
    _add_pager("pagerduty", one, place, draft, {} if url == _PAGERDUTY else {"url": url})


def _opsgenie(one: Mapping[str, Any], place: Place, draft: _Draft) -> None:
    url = str(one.get("api_url") or _OPSGENIE)
    _add_pager("opsgenie", one, place, draft, {} if url == _OPSGENIE else {"url": f"{url.rstrip('/')}/v2/alerts"})
    if one.get("responders"):
        draft.left((*place, "responders"), "responders are not sent: the API key's team in Opsgenie decides")


def _add_pager(way: str, one: Mapping[str, Any], place: Place, draft: _Draft, target: dict[str, str]) -> None:
    """The key itself is a secret, and not written. An address with a template or a password in it is left out."""
    if "url" in target and ("{" in target["url"] or "@" in target["url"] or "://" not in target["url"]):
        draft.left(place, f"its address cannot be written here: {way} is called at its usual one")
        target = {}
    number = sum(way in step for step in draft.steps)
    secret = f"{draft.slug}-{way}{f'-{number + 1}' if number else ''}".upper().replace("-", "_")
    draft.steps.append({"after": "0m", way: {"secret": secret, **target}})
    key = next((key for key in _KEYS[way] if one.get(key)), None)
    if key:
        text = f"set TANDEM_SECRET_{secret} to its {key.removesuffix('_file')}"
    elif one.get("service_key") or one.get("service_key_file"):
        text = f"service_key is for PagerDuty's Events API v1: set TANDEM_SECRET_{secret} to a key for v2"
    else:
        text = f"set TANDEM_SECRET_{secret} to the key that stands under global"
    draft.left(place, text)


def _webhook(one: Mapping[str, Any], place: Place, draft: _Draft) -> None:
    if "/webhooks/alertmanager" not in str(one.get("url")):
        why = "it takes Alertmanager's JSON, and a webhook of an escalation sends its own"
        draft.left(place, f"webhook is not carried over: {why}; keep it in Alertmanager beside Tandem's")


def _texts_in(value: Any) -> Iterator[str]:
    """All texts in lists and mappings; what an anchor repeats only once."""
    waiting, seen = [value], set[int]()
    while waiting:
        one = waiting.pop()
        if isinstance(one, str):
            yield one
        elif isinstance(one, dict | list) and id(one) not in seen:
            seen.add(id(one))
            waiting += one.values() if isinstance(one, dict) else one


_KINDS: dict[str, Callable[[Mapping[str, Any], Place, _Draft], None]] = {
    "slack_configs": _slack,
    "pagerduty_configs": _pagerduty,
    "opsgenie_configs": _opsgenie,
    "webhook_configs": _webhook,
}
