"""The running bot lets a language model rewrite a summary, and waits for it nowhere."""

import re
from pathlib import Path

from aiohttp import web

from tests.acceptance.harness import CHANNEL, alert, running
from tests.integration.notify.test_rewriter import KEY, ModelServer


class SlowModel(ModelServer):
    """Answers after two seconds, with the time that it was told."""

    async def handle(self, request: web.Request) -> web.Response:
        [since] = re.findall(r"since (\d\d:\d\d) UTC", (await request.json())["messages"][-1]["content"])
        self.answer, self.delay = f"Users feel high latency on checkout since {since} UTC.", 2.0
        return await super().handle(request)


async def test_the_first_message_comes_without_the_model_and_is_edited_when_it_has_answered(
    tmp_path: Path,
) -> None:
    environment = {"TANDEM_LLM_API_KEY": KEY}
    async with SlowModel().listening() as model:
        config = {"summary": {"rewrite": {"url": model.url, "model": "small"}}}
        async with running(tmp_path, config, environment=environment) as tandem:
            await tandem.deliver(alert())
            first = await tandem.message("HighLatency on checkout since")
            rewritten = await tandem.message("Users feel high latency on checkout since", seconds=15)
            assert (rewritten["ts"], len(tandem.slack.messages(CHANNEL))) == (first["ts"], 1)
            assert model.keys == [f"Bearer {KEY}"]
            [incident] = await tandem.incidents()
            assert incident["summary"].startswith("HighLatency on checkout since")
            assert KEY not in tandem.log.read_text()
