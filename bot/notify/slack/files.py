"""Text files for people, in a thread or a channel. https://docs.slack.dev/messaging/working-with-files"""

from slack_sdk.web.async_client import AsyncWebClient

from bot.notify.slack.text import file_title


class Files:
    def __init__(self, client: AsyncWebClient) -> None:
        self._client = client

    async def share(self, text: str, name: str, title: str, channel: str, thread: str = "") -> None:
        """Upload a file and show it. Raises SlackClientError, aiohttp.ClientError, TimeoutError."""
        await self._client.files_upload_v2(
            content=text, filename=name, title=file_title(title), channel=channel, thread_ts=thread or None
        )
