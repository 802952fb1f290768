"""``python -m bot.localslack``: a local Slack by itself, until Ctrl-C."""

import argparse
import asyncio
from collections.abc import Sequence
from contextlib import suppress

from bot.localslack import LocalSlack


async def _serve(port: int, request_url: str, channels: Sequence[str], limits: bool) -> None:
    async with LocalSlack(port=port, request_url=request_url, channels=channels, enforce_rate_limit=limits) as slack:
        print(f"page: {slack.url}", flush=True)
        print(f"SLACK_API_URL={slack.api_url} SLACK_BOT_TOKEN={slack.bot_token} SLACK_APP_TOKEN={slack.app_token}")
        print(f"SLACK_SIGNING_SECRET={slack.signing_secret}")
        await asyncio.Event().wait()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, default=8090)
    parser.add_argument("--request-url", default="http://127.0.0.1:8080/slack/events")
    parser.add_argument("--channels", default="incidents", help="names, with commas between them")
    parser.add_argument("--limits", action="store_true", help="enforce the rate limits that Slack documents")
    options = parser.parse_args()
    with suppress(KeyboardInterrupt):
        asyncio.run(_serve(options.port, options.request_url, options.channels.split(","), options.limits))
