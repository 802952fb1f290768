"""Whether the app in Slack may do what deploy/slack-manifest.yaml asks for."""

from slack_sdk.web.async_slack_response import AsyncSlackResponse

from bot.commands.parts.checks.finding import Finding, Mark
from bot.notify.slack.identity import NEEDED, WITHOUT, scopes_of
from bot.storage.database import Database
from bot.storage.queries.shown import homes
from bot.storage.tables.slack import HomeRow
from bot.storage.version import has_table

SCOPES = (*WITHOUT, *NEEDED)


def check_scopes(answer: AsyncSlackResponse) -> Finding:
    granted = scopes_of(answer)
    missing = [scope for scope in NEEDED if scope not in granted]
    lesser = [scope for scope in WITHOUT if scope not in granted]
    advice = "Add them under OAuth & Permissions, then reinstall the app."
    if not granted:
        return Finding(Mark.WARN, "Slack scopes", "Slack did not say which scopes the token has")
    if missing:
        return Finding(Mark.FAIL, "Slack scopes", f"missing: {', '.join([*missing, *lesser])}", advice)
    if lesser:
        why = ", ".join(f"{scope} ({WITHOUT[scope]})" for scope in lesser)
        return Finding(Mark.WARN, "Slack scopes", f"missing: {why}; all else works", advice)
    wider = sorted(granted - set(SCOPES))
    extra = f"; not needed: {', '.join(wider)}" if wider else ""
    return Finding(Mark.OK, "Slack scopes", f"all there{extra}")


async def check_home(database: Database) -> list[Finding]:
    """Whether people have their pages: Slack does not say to which events an app subscribes, so what came does.

    Nothing where `tandem run` has made no tables yet.
    """
    async with database.read() as connection:
        if not await has_table(connection, HomeRow):
            return []
        opened = await homes.was_ever_opened(connection)
    if opened:
        return [Finding(Mark.OK, "App Home", "people open their pages")]
    hint = "if the app's Home tab stays empty, switch it on under App Home, and subscribe to the event app_home_opened"
    return [Finding(Mark.OK, "App Home", f"nobody has opened theirs lately; {hint}")]
