"""Checks blocks and views as strictly as Slack does. https://docs.slack.dev/reference/block-kit"""

from collections.abc import Callable
from typing import Any

Problems = list[str]
Check = Callable[[dict[str, Any], str, Problems], None]

MAX_BLOCKS = 50
MAX_VIEW_BLOCKS = 100


def problems_of(blocks: Any, limit: int = MAX_BLOCKS) -> Problems:
    """What Slack would refuse, each with its place; empty for valid blocks."""
    if not isinstance(blocks, list):
        return ["must be an array [json-pointer:/blocks]"]
    problems: Problems = []
    if len(blocks) > limit:
        problems.append(f"no more than {limit} items allowed [json-pointer:/blocks]")
    ids: set[str] = set()
    for i, block in enumerate(blocks):
        where = f"/blocks/{i}"
        if not isinstance(block, dict) or _type_of(block) not in _BLOCKS:
            problems.append(f"unsupported type: {_type_of(block)} [json-pointer:{where}/type]")
            continue
        keys, check = _BLOCKS[block["type"]]
        _only(block, {"type", "block_id", *keys}, where, problems)
        block_id = block.get("block_id")
        if block_id is not None:
            _length(block_id, 255, f"{where}/block_id", problems)
            if str(block_id) in ids:
                problems.append(f"block_id is not unique: {block_id} [json-pointer:{where}/block_id]")
            ids.add(str(block_id))
        check(block, where, problems)
    return problems


def _type_of(value: Any) -> str:
    """The type that a block, an element … says it has."""
    return str(value.get("type") if isinstance(value, dict) else value)


def _only(value: dict[str, Any], keys: set[str], where: str, problems: Problems) -> None:
    problems += [f"no more properties allowed: {key} [json-pointer:{where}]" for key in value.keys() - keys]


def _length(value: Any, limit: int, where: str, problems: Problems, least: int = 1) -> None:
    if not isinstance(value, str):
        problems.append(f"must be a string [json-pointer:{where}]")
    elif len(value.encode("utf-16-le", "surrogatepass")) // 2 > limit:
        problems.append(f"must be less than {limit + 1} characters [json-pointer:{where}]")
    elif len(value) < least or (least and not value.strip()):
        problems.append(f"must be more than 0 characters [json-pointer:{where}]")


def _text(
    value: Any, limit: int, where: str, problems: Problems, kinds: tuple[str, ...] = ("plain_text", "mrkdwn")
) -> None:
    if not isinstance(value, dict) or value.get("type") not in kinds:
        problems.append(f"must be a text object of {' or '.join(kinds)} [json-pointer:{where}]")
        return
    allowed = {"plain_text": {"type", "text", "emoji"}, "mrkdwn": {"type", "text", "verbatim"}}[value["type"]]
    _only(value, allowed, where, problems)
    _length(value.get("text"), limit, f"{where}/text", problems)


def _plain(value: Any, limit: int, where: str, problems: Problems) -> None:
    _text(value, limit, where, problems, ("plain_text",))


def _header(block: dict[str, Any], where: str, problems: Problems) -> None:
    _plain(block.get("text"), 150, f"{where}/text", problems)


def _section(block: dict[str, Any], where: str, problems: Problems) -> None:
    if "text" not in block and "fields" not in block:
        problems.append(f"missing required field: text or fields [json-pointer:{where}]")
    if "text" in block:
        _text(block["text"], 3000, f"{where}/text", problems)
    fields = block.get("fields")
    if fields is not None:
        if not isinstance(fields, list) or not 1 <= len(fields) <= 10:
            problems.append(f"must have 1 to 10 items [json-pointer:{where}/fields]")
            return
        for i, field in enumerate(fields):
            _text(field, 2000, f"{where}/fields/{i}", problems)
    if "accessory" in block:
        _element(block["accessory"], f"{where}/accessory", problems)


def _context(block: dict[str, Any], where: str, problems: Problems) -> None:
    elements = block.get("elements")
    if not isinstance(elements, list) or not 1 <= len(elements) <= 10:
        problems.append(f"must have 1 to 10 items [json-pointer:{where}/elements]")
        return
    for i, element in enumerate(elements):
        if isinstance(element, dict) and element.get("type") == "image":
            _image(element, f"{where}/elements/{i}", problems)
        else:
            _text(element, 3000, f"{where}/elements/{i}", problems)


def _actions(block: dict[str, Any], where: str, problems: Problems) -> None:
    elements = block.get("elements")
    if not isinstance(elements, list) or not 1 <= len(elements) <= 25:
        problems.append(f"must have 1 to 25 items [json-pointer:{where}/elements]")
        return
    seen: set[str] = set()
    for i, element in enumerate(elements):
        _element(element, f"{where}/elements/{i}", problems)
        action_id = element.get("action_id") if isinstance(element, dict) else None
        if action_id is not None and str(action_id) in seen:
            problems.append(f"action_id is not unique: {action_id} [json-pointer:{where}/elements/{i}/action_id]")
        seen.add(str(action_id))


def _image(block: dict[str, Any], where: str, problems: Problems) -> None:
    if "image_url" not in block and "slack_file" not in block:
        problems.append(f"missing required field: image_url or slack_file [json-pointer:{where}]")
    _length(block.get("alt_text"), 2000, f"{where}/alt_text", problems)


def _input(block: dict[str, Any], where: str, problems: Problems) -> None:
    _plain(block.get("label"), 2000, f"{where}/label", problems)
    if "hint" in block:
        _plain(block["hint"], 2000, f"{where}/hint", problems)
    _element(block.get("element"), f"{where}/element", problems)


def _any(block: dict[str, Any], where: str, problems: Problems) -> None:
    """Divider, and rich text, whose many parts are not checked."""


def _element(element: Any, where: str, problems: Problems) -> None:
    if not isinstance(element, dict) or _type_of(element) not in _ELEMENTS:
        problems.append(f"unsupported element [json-pointer:{where}]")
        return
    keys, check = _ELEMENTS[element["type"]]
    _only(element, {"type", "action_id", "confirm", "focus_on_load", *keys}, where, problems)
    if "action_id" in element:
        _length(element["action_id"], 255, f"{where}/action_id", problems)
    check(element, where, problems)


def _button(element: dict[str, Any], where: str, problems: Problems) -> None:
    _plain(element.get("text"), 75, f"{where}/text", problems)
    if "value" in element:
        _length(element["value"], 2000, f"{where}/value", problems, least=0)
    if "url" in element:
        _length(element["url"], 3000, f"{where}/url", problems)
    if element.get("style") not in (None, "primary", "danger"):
        problems.append(f"must be primary or danger [json-pointer:{where}/style]")


def _options(element: dict[str, Any], where: str, problems: Problems) -> None:
    most = _MOST_OPTIONS[element["type"]]
    options = element.get("options")
    if not isinstance(options, list) or not 1 <= len(options) <= most:
        problems.append(f"must have 1 to {most} items [json-pointer:{where}/options]")
        return
    _each_option(options, where, problems)
    _text_input(element, where, problems)


def _each_option(options: list[Any], where: str, problems: Problems) -> None:
    for i, option in enumerate(options):
        if not isinstance(option, dict):
            problems.append(f"must be an option [json-pointer:{where}/options/{i}]")
            continue
        _text(option.get("text"), 75, f"{where}/options/{i}/text", problems)
        _length(option.get("value"), 150, f"{where}/options/{i}/value", problems)


def problems_of_options(options: Any) -> Problems:
    """What Slack would refuse of what is offered in a list with a search; it takes an empty one."""
    problems: Problems = []
    if not isinstance(options, list) or len(options) > _MOST_OPTIONS["static_select"]:
        return [f"must have up to {_MOST_OPTIONS['static_select']} items [json-pointer:/options]"]
    _each_option(options, "", problems)
    return problems


def _text_input(element: dict[str, Any], where: str, problems: Problems) -> None:
    if "placeholder" in element:
        _plain(element["placeholder"], 150, f"{where}/placeholder", problems)


_BLOCKS: dict[str, tuple[set[str], Check]] = {
    "header": ({"text"}, _header),
    "section": ({"text", "fields", "accessory", "expand"}, _section),
    "context": ({"elements"}, _context),
    "actions": ({"elements"}, _actions),
    "divider": (set(), _any),
    "image": ({"image_url", "slack_file", "alt_text", "title"}, _image),
    "input": ({"label", "element", "hint", "optional", "dispatch_action"}, _input),
    "rich_text": ({"elements"}, _any),
}
_MOST_OPTIONS = {"static_select": 100, "overflow": 5, "radio_buttons": 10, "checkboxes": 10}
_ELEMENTS: dict[str, tuple[set[str], Check]] = {
    "button": ({"text", "value", "url", "style", "accessibility_label"}, _button),
    "static_select": ({"options", "placeholder", "initial_option"}, _options),
    "overflow": ({"options"}, _options),
    "radio_buttons": ({"options", "initial_option"}, _options),
    "checkboxes": ({"options", "initial_options"}, _options),
    "external_select": ({"placeholder", "initial_option", "min_query_length"}, _text_input),
    "users_select": ({"placeholder", "initial_user"}, _text_input),
    "plain_text_input": (
        {"placeholder", "initial_value", "multiline", "min_length", "max_length", "dispatch_action_config"},
        _text_input,
    ),
}


def problems_of_view(view: Any) -> Problems:
    if not isinstance(view, dict) or view.get("type") not in ("modal", "home"):
        return ["must be a modal or a home view [json-pointer:/view]"]
    problems = problems_of(view.get("blocks"), MAX_VIEW_BLOCKS)
    if view["type"] == "modal":
        _plain(view.get("title"), 24, "/view/title", problems)
        for label in ("submit", "close"):
            if label in view:
                _plain(view[label], 24, f"/view/{label}", problems)
        blocks = view.get("blocks")
        has_input = isinstance(blocks, list) and any(_type_of(block) == "input" for block in blocks)
        if has_input and "submit" not in view:
            problems.append("submit is required when an input block is within blocks [json-pointer:/view/submit]")
    return problems
