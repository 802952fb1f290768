"""The doctor says which user groups of tandem.yaml Slack does not know."""

from slack_sdk.web.async_client import AsyncWebClient

from bot.commands.parts.checks.finding import Mark
from bot.commands.parts.checks.groups import look_at_groups
from bot.config import Config
from bot.localslack import LocalSlack


async def test_a_group_that_slack_does_not_know_is_named_and_those_it_knows_are_counted() -> None:
    async with LocalSlack() as slack:
        slack.usergroups["S0SHOPGRP"] = ["U012AB3CD"]
        client = AsyncWebClient(slack.bot_token, base_url=slack.api_url, retry_handlers=[])
        right = {"teams": {"shop": {"members": ["S0SHOPGRP"]}}, "routes": [{"mention": ["S0ONCALL", "U012AB3CD"]}]}
        assert await look_at_groups(client, Config()) is None
        well = await look_at_groups(client, Config.model_validate(right))
        assert well is not None
        assert (well.mark, well.text) == (Mark.OK, "Slack knows all 2")
        wrong = {**right, "routes": [{"mention": ["S0GONE001", "S0ONCALL"]}]}
        found = await look_at_groups(client, Config.model_validate(wrong))
        assert found is not None
        assert found.mark is Mark.WARN
        assert "S0GONE001" in found.text
        slack.fail("usergroups.list", "refused", error="missing_scope")
        refused = await look_at_groups(client, Config.model_validate(right))
        assert refused is not None
        assert refused.mark is Mark.WARN
