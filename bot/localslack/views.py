"""Forms and the app's page of each person. https://docs.slack.dev/surfaces"""

import json
import uuid

from bot.localslack.blocks import problems_of_view
from bot.localslack.method import METHODS, Failed, decoded, method, with_ids
from bot.localslack.state import APP_ID, BOT_ID, TEAM, Json, Workspace

MAX_VIEW = 250_000


def _view(workspace: Workspace, given: Json) -> Json:
    view = decoded(given.get("view"))
    problems = problems_of_view(view)
    if problems:
        raise Failed("invalid_arguments", response_metadata={"messages": [f"[ERROR] {p}" for p in problems]})
    view["blocks"] = with_ids(view["blocks"])
    return {"private_metadata": "", "callback_id": "", **view, "team_id": TEAM, "app_id": APP_ID, "bot_id": BOT_ID}


@method("views.open")
def open_view(workspace: Workspace, given: Json, base: str) -> Json:
    user = workspace.take_trigger(str(given.get("trigger_id", "")))
    if user is None:
        raise Failed("expired_trigger_id")
    view = _view(workspace, given) | {"id": f"V{uuid.uuid4().hex[:10].upper()}", "hash": uuid.uuid4().hex}
    workspace.views[user] = view
    return {"view": view}


METHODS["views.push"] = open_view


@method("views.update")
def update_view(workspace: Workspace, given: Json, base: str) -> Json:
    for user, known in workspace.views.items():
        if known["id"] == given.get("view_id"):
            workspace.views[user] = _view(workspace, given) | {"id": known["id"], "hash": uuid.uuid4().hex}
            return {"view": workspace.views[user]}
    raise Failed("not_found")


@method("views.publish")
def publish_view(workspace: Workspace, given: Json, base: str) -> Json:
    """https://docs.slack.dev/reference/methods/views.publish"""
    user, known = str(given.get("user_id", "")), workspace.homes.get(str(given.get("user_id", "")))
    if user not in workspace.users:
        raise Failed("user_not_found")
    if given.get("hash") and (known is None or known["hash"] != given["hash"]):
        raise Failed("hash_conflict")
    view = _view(workspace, given)
    if view["type"] != "home":
        raise Failed("invalid_arguments", response_metadata={"messages": ["[ERROR] must be a home view"]})
    if len(json.dumps(view)) > MAX_VIEW:
        raise Failed("view_too_large")
    known_id = known["id"] if known else f"V{uuid.uuid4().hex[:10].upper()}"
    workspace.homes[user] = view | {"id": known_id, "hash": uuid.uuid4().hex}
    return {"view": workspace.homes[user]}
