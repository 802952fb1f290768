"""``tandem doctor``: checks everything that Tandem needs, and says what to do about what is missing."""

import re
from collections.abc import AsyncIterator, Callable
from datetime import timedelta

import aiohttp
from slack_sdk.web.async_client import AsyncWebClient
from slack_sdk.web.async_slack_response import AsyncSlackResponse

from bot.commands.parts.audit import find_faults, written_heads
from bot.commands.parts.checks.alerts import check_alerts
from bot.commands.parts.checks.assistant import check_assistant
from bot.commands.parts.checks.finding import Finding, Mark
from bot.commands.parts.checks.groups import look_at_groups
from bot.commands.parts.checks.inbox import check_inbox
from bot.commands.parts.checks.kubernetes import check_kubernetes
from bot.commands.parts.checks.oncall import check_on_call
from bot.commands.parts.checks.outgoing import check_outgoing
from bot.commands.parts.checks.partitions import check_partitions
from bot.commands.parts.checks.reload import check_reload
from bot.commands.parts.checks.shown import check_shown
from bot.commands.parts.checks.slack_answers import advice_for, asked, clock_skew, is_about_reaching
from bot.commands.parts.checks.slack_app import SCOPES, check_home, check_scopes
from bot.commands.parts.checks.tickets import check_tickets
from bot.commands.parts.checks.workflows import check_workflows
from bot.config import Config, Environment, read_environment
from bot.domain.duration import format_duration
from bot.errors import ConfigError, TandemError
from bot.maintenance.archive import open_archive
from bot.model_store.frames import open_frames
from bot.notify.channel import ChannelRefusal
from bot.notify.slack.channel import SlackChannel
from bot.notify.slack.proxy import make_client
from bot.notify.slack.socket_mode import probe
from bot.storage.blobs import warning_about
from bot.storage.database import Database, open_database
from bot.storage.lock import warning_about_file
from bot.storage.schema import see_that_it_is_known
from bot.storage.version import MIGRATIONS
from bot.watches.models.alibi.missing import missing, missing_backend

MOST_CHANNELS = 20
MAX_SKEW = timedelta(seconds=60)
__all__ = ["SCOPES", "diagnose"]
_SECRET = re.compile(r"[0-9a-f]{32}")


async def diagnose(load: Callable[[], Config]) -> list[Finding]:
    """Check configuration, database, endpoints and Slack; a problem is a finding, not an exception."""
    running: list[Finding] = []
    try:
        environment = read_environment()
        running = check_reload(environment.database_url)
        config = load()
    except ConfigError as error:
        advice = "Mend what it names; `tandem check` looks again."
        return [Finding(Mark.FAIL, "configuration", str(error), advice), *running]
    findings = [Finding(Mark.OK, "configuration", _extent(config))]
    findings += running
    findings += await _storage(environment, config)
    findings += _doors(environment)
    findings += _engines(config)
    findings += check_tickets(config)
    findings += await check_assistant(config, environment)
    findings += await check_kubernetes(config)
    findings += [finding async for finding in _slack(environment, config)]
    return findings


def _extent(config: Config) -> str:
    return f"valid: {len(config.services)} services, {len(config.runbooks)} runbooks, channel {config.slack.channel}"


async def _storage(environment: Environment, config: Config) -> list[Finding]:
    try:
        database = open_database(environment.database_url)
        try:
            if doubt := warning_about_file(environment.database_url):
                advice = "What it takes in is lost: stop it, put the file back, and start it again."
                return [Finding(Mark.FAIL, "database", doubt, advice)]
            database.check_space()
            async with database.write() as connection:
                await connection.run_sync(see_that_it_is_known, MIGRATIONS)
            takes = Finding(Mark.OK, "database", f"takes writes ({database.engine.dialect.name})")
            workflows = await check_workflows(database, environment)
            inbox = await check_inbox(database, environment)
            archive = await _archive(database, environment.archive, config)
            models = await _model_store(database, environment) if config.models else []
            alerts = await check_alerts(database, config)
            slack = [*await check_home(database), *await check_shown(database, environment)]
            rest = [*await check_on_call(database, config), *await check_outgoing(database, config), *slack]
            return [
                takes,
                *workflows,
                await _audit_log(database, environment),
                archive,
                *models,
                *inbox,
                *await check_partitions(database, environment),
                *alerts,
                *rest,
            ]
        finally:
            await database.close()
    except (TandemError, OSError) as error:
        advice = "Check TANDEM_DATABASE_URL, the server and the free disk space."
        return [Finding(Mark.FAIL, "database", str(error), advice)]


async def _archive(database: Database, address: str | None, config: Config) -> Finding:
    """Whether what is over can be written down before it is deleted, and how it is read."""
    kept = config.retention
    spans = (("events", kept.events), ("incidents", kept.incidents), ("audit log", kept.audit))
    said = ", ".join(f"{name} {format_duration(span)}" for name, span in spans)
    if not kept.archive:
        return Finding(Mark.OK, "archive", f"switched off; kept: {said}")
    try:
        archive = open_archive(database, address)
        await archive.reach()
    except TandemError as error:
        advice = "Check TANDEM_ARCHIVE and who may write there: until then nothing that is over is deleted."
        return Finding(Mark.FAIL, "archive", str(error), advice)
    return Finding(
        Mark.OK, "archive", f"takes files; kept: {said}; then: pandas.read_parquet('{archive.place}/incidents')"
    )


async def _model_store(database: Database, environment: Environment) -> list[Finding]:
    """Whether the data of models can be kept, and whether other replicas would find it."""
    subject = "model data"
    try:
        frames = open_frames(database, environment.model_store)
        await frames.reach()
        warning = warning_about(environment.model_store, environment.database_url)
    except TandemError as error:
        advice = "Check TANDEM_MODEL_STORE, the package for it, and who may write there: without it no rows are taken."
        return [Finding(Mark.FAIL, subject, str(error), advice)]
    if warning:
        return [Finding(Mark.WARN, subject, warning)]
    return [Finding(Mark.OK, subject, f"{frames.place} takes files and gives them back")]


async def _audit_log(database: Database, environment: Environment) -> Finding:
    """Whether its rows bear the seals of our key, and whether it still has the head that was written down."""
    try:
        fault, whole = await find_faults(database, environment, written_heads(environment))
    except ConfigError as error:
        advice = "The seals cannot be checked without their key: give it back, or see `tandem audit --help`."
        return Finding(Mark.FAIL, "audit log", str(error), advice)
    if not fault:
        return Finding(Mark.OK, "audit log", whole)
    advice = "Somebody wrote into the database past Tandem: compare with a backup, and find out who could."
    return Finding(Mark.FAIL, "audit log", fault, advice)


def _engines(config: Config) -> list[Finding]:
    monitors = [monitor for model in config.models.values() for monitor in model.monitors]
    mine = [monitor for monitor in monitors if monitor.engine == "alibi"]
    if not mine:
        return []
    why = missing()
    if why is None and (lacks := next(filter(None, map(missing_backend, mine)), None)):
        return [Finding(Mark.WARN, "alibi-detect", "is there, without what some monitors need", lacks)]
    if why is None:
        return [Finding(Mark.OK, "alibi-detect", "is there for monitors of `engine: alibi`")]
    return [Finding(Mark.WARN, "alibi-detect", "is not there: monitors of `engine: alibi` cannot check", why)]


def _doors(environment: Environment) -> list[Finding]:
    if environment.webhook_token is None:
        advice = "Set it to a long random string and give the same to Alertmanager: `openssl rand -hex 32`."
        return [Finding(Mark.FAIL, "webhooks", "TANDEM_WEBHOOK_TOKEN is not set: every delivery is refused", advice)]
    if len(environment.webhook_token.get_secret_value()) < 16:
        return [
            Finding(Mark.WARN, "webhooks", "the token is short enough to be guessed", "Use `openssl rand -hex 32`.")
        ]
    return [Finding(Mark.OK, "webhooks", "a token is set")]


async def _slack(environment: Environment, config: Config) -> AsyncIterator[Finding]:
    yield _way_in(environment)
    if environment.slack_bot_token is None:
        advice = "Create the app from deploy/slack-manifest.yaml, install it, copy the Bot User OAuth Token."
        yield Finding(Mark.FAIL, "Slack token", "SLACK_BOT_TOKEN is not set: nobody would be told", advice)
        return
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=10), trust_env=True) as session:
        client = make_client(environment.slack_bot_token.get_secret_value(), environment.slack_api_url, session)
        answer = await asked(client.auth_test)
        if isinstance(answer, str):
            yield Finding(Mark.FAIL, "Slack token", answer, advice_for(answer))
            return
        yield Finding(
            Mark.OK, "Slack token", f"belongs to {answer.get('user', 'somebody')} in {answer.get('team', '?')}"
        )
        yield check_scopes(answer)
        yield _clock(answer)
        ops = [config.slack.ops_channel] if config.slack.ops_channel else []
        channels = list(dict.fromkeys([*config.compiled_routes().channels, *ops]))
        for name in channels[:MOST_CHANNELS]:
            yield await _channel(client, name)
        if len(channels) > MOST_CHANNELS:
            left = len(channels) - MOST_CHANNELS
            yield Finding(Mark.WARN, "channel", f"{left} more channels of routes were not looked at")
        if found := await look_at_groups(client, config):
            yield found
        if environment.slack_app_token is not None:
            yield await _socket_mode(client, environment.slack_app_token.get_secret_value())


async def _socket_mode(client: AsyncWebClient, app_token: str) -> Finding:
    """Whether a WebSocket can really be opened: a proxy may let HTTPS through and no WebSocket."""
    problem, refused = await probe(client, app_token)
    if not problem:
        return Finding(Mark.OK, "Socket Mode", "a connection was opened, and Slack said hello")
    if refused:
        advice = "Create an app-level token (xapp-…) with the scope connections:write, and switch Socket Mode on."
    else:
        advice = (
            "Let WebSockets to wss-primary.slack.com through firewall and proxy (HTTPS_PROXY, NO_PROXY), or use HTTP."
        )
    return Finding(Mark.FAIL, "Socket Mode", problem, advice)


def _way_in(environment: Environment) -> Finding:
    """How Slack reaches us: whether the signing secret is right shows only when Slack first signs something."""
    if environment.slack_app_token is not None:
        return Finding(Mark.OK, "buttons", "over Socket Mode; no signing secret is needed")
    if environment.slack_signing_secret is None:
        advice = "Set SLACK_SIGNING_SECRET (Basic Information → App Credentials), or SLACK_APP_TOKEN for Socket Mode."
        return Finding(Mark.FAIL, "buttons", "no button and no command would work", advice)
    if not _SECRET.fullmatch(environment.slack_signing_secret.get_secret_value()):
        advice = "Copy it again from Basic Information → App Credentials → Signing Secret; it is not the client secret."
        return Finding(Mark.WARN, "buttons", "the signing secret does not look like one of Slack's", advice)
    return Finding(Mark.OK, "buttons", "over HTTP; point Slack's request URL at https://<this bot>/slack/events")


def _clock(answer: AsyncSlackResponse) -> Finding:
    skew = clock_skew(answer.headers)
    if skew is None:
        return Finding(Mark.WARN, "clock", "Slack did not send its time")
    if abs(skew) > MAX_SKEW:
        advice = "Synchronise the clock (NTP): Slack's signatures are refused when it is 5 minutes off."
        return Finding(Mark.FAIL, "clock", f"differs from Slack's by {abs(skew).total_seconds():.0f} s", advice)
    return Finding(Mark.OK, "clock", "agrees with Slack's")


async def _channel(client: AsyncWebClient, name: str) -> Finding:
    try:
        channel_id = await SlackChannel(client, name).key()
    except TandemError as error:
        again = "Slack did not answer as it should: see slack-status.com and the proxy (HTTPS_PROXY), then try again."
        make = f"Create {name}, or name another one in tandem.yaml; for a private one, invite the bot first."
        return Finding(Mark.FAIL, "channel", str(error), make if isinstance(error, ChannelRefusal) else again)
    answer = await asked(lambda: client.conversations_info(channel=channel_id))
    if isinstance(answer, str):
        advice = advice_for(answer) if is_about_reaching(answer) else f"In {name}, type /invite @tandem."
        return Finding(Mark.FAIL, "channel", f"{name}: {answer}", advice)
    channel = answer.get("channel")
    if isinstance(channel, dict) and channel.get("is_archived"):
        advice = "Unarchive it, or name another channel in tandem.yaml: its incidents are shown in slack.channel."
        return Finding(Mark.FAIL, "channel", f"{name} is archived", advice)
    if not isinstance(channel, dict) or not channel.get("is_member"):
        return Finding(Mark.FAIL, "channel", f"the bot is no member of {name}", f"In {name}, type /invite @tandem.")
    return Finding(Mark.OK, "channel", f"the bot is a member of {name}")
