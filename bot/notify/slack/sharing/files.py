"""Files for people, in a thread or a channel. https://docs.slack.dev/messaging/working-with-files"""

from collections.abc import Sequence
from typing import Any, NamedTuple

from slack_sdk.web.async_client import AsyncWebClient

from bot.notify.slack.text import file_title


class File(NamedTuple):
    """``alt`` says what a picture shows."""

    name: str
    title: str
    content: str | bytes
    alt: str = ""


class Files:
    def __init__(self, client: AsyncWebClient) -> None:
        self._client = client

    async def share(self, files: Sequence[File], channel: str, thread: str = "") -> None:
        """Upload files and show them in one message. Raises SlackClientError, aiohttp.ClientError, TimeoutError."""
        uploads = [_upload(file) for file in files]
        await self._client.files_upload_v2(file_uploads=uploads, channel=channel, thread_ts=thread or None)


def _upload(file: File) -> dict[str, Any]:
    upload = {"content": file.content, "filename": file.name, "title": file_title(file.title)}
    return upload | ({"alt_txt": file.alt} if file.alt else {})
