"""Files upload v2: a place for the content, the content itself, and then the sharing.

https://docs.slack.dev/messaging/working-with-files
"""

import mimetypes
import uuid

from aiohttp import web

from bot.localslack.method import Failed, decoded, joined, method
from bot.localslack.state import APP_ID, BOT_ID, BOT_USER, Json, Workspace

MAX_FILES = 100
MAX_ALT = 1000


@method("files.getUploadURLExternal")
def get_upload_url(workspace: Workspace, given: Json, base: str) -> Json:
    if not given.get("filename") or not str(given.get("length", "")).isdecimal():
        raise Failed("invalid_arguments")
    if len(str(given.get("alt_txt") or "")) > MAX_ALT:
        raise Failed("alt_txt_too_large")
    file_id = f"F{uuid.uuid4().hex[:10].upper()}"
    while len(workspace.files) >= MAX_FILES:
        del workspace.files[next(iter(workspace.files))]
    workspace.files[file_id] = {
        "id": file_id,
        "name": given["filename"],
        "length": int(given["length"]),
        "alt_txt": given.get("alt_txt") or "",
        "content": b"",
    }
    return {"upload_url": f"{base}/_files/{file_id}", "file_id": file_id}


@method("files.completeUploadExternal")
def complete_upload(workspace: Workspace, given: Json, base: str) -> Json:
    thread = given.get("thread_ts")
    channel = joined(workspace, {"channel": given["channel_id"]}) if given.get("channel_id") else None
    if channel and thread and not any(message["ts"] == thread for message in channel.messages):
        raise Failed("thread_not_found")
    files = [_described(workspace, wanted, base) for wanted in decoded(given.get("files")) or []]
    if channel:
        message: Json = {"type": "message", "ts": workspace.next_ts(), "user": BOT_USER, "bot_id": BOT_ID}
        message |= {"app_id": APP_ID, "text": given.get("initial_comment") or "", "files": files}
        message |= {"thread_ts": thread} if thread else {}
        workspace.add(channel, message)
    return {"files": files}


def _described(workspace: Workspace, wanted: Json, base: str) -> Json:
    """A file as messages carry it. https://docs.slack.dev/reference/objects/file-object"""
    file = workspace.files.get(str(wanted.get("id")))
    if file is None or len(file["content"]) != file["length"]:
        raise Failed("file_not_found")
    return {
        "id": file["id"],
        "name": file["name"],
        "title": wanted.get("title"),
        "mimetype": _kind_of(file["name"]),
        "size": file["length"],
        "alt_txt": file["alt_txt"],
        "url_private": f"{base}/_files/{file['id']}",
    }


def _kind_of(name: str) -> str:
    return mimetypes.guess_type(name)[0] or "application/octet-stream"


async def serve_file(workspace: Workspace, request: web.Request) -> web.StreamResponse:
    """The content: taken with POST, given back with GET."""
    file = workspace.files.get(request.match_info["id"])
    if file is None:
        raise web.HTTPNotFound
    if request.method == "GET":
        return web.Response(
            body=file["content"],
            content_type=_kind_of(file["name"]),
            headers={"Content-Security-Policy": "sandbox", "X-Content-Type-Options": "nosniff"},
        )
    file["content"] = await _upload(request)
    return web.Response(text=f"OK - {len(file['content'])}")


async def _upload(request: web.Request) -> bytes:
    if not request.content_type.startswith("multipart/"):
        return await request.read()
    form = await request.post()
    uploaded = next(iter(form.values()))
    return uploaded.file.read() if isinstance(uploaded, web.FileField) else str(uploaded).encode()
