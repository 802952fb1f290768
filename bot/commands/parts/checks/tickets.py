"""Whether a ticket can be opened in the tracker of tandem.yaml, as far as that shows without opening one."""

from bot.commands.parts.checks.finding import Finding, Mark
from bot.config import Config
from bot.config.environment import secrets_from
from bot.remediation.executors.web import SecretMissing, filled

_SUBJECT = "tickets"


def check_tickets(config: Config) -> list[Finding]:
    """Nothing where no tracker is described."""
    section = config.tickets
    tracker = (section.github or section.gitlab or section.jira) if section else None
    if tracker is None:
        return []
    try:
        filled(tracker.headers, secrets_from())
    except SecretMissing as missing:
        return [Finding(Mark.FAIL, _SUBJECT, str(missing), "Set it for the process that runs `tandem run`.")]
    if not tracker.headers:
        advice = "Give `headers` with a token, as in docs/on-call/leading.md."
        return [Finding(Mark.WARN, _SUBJECT, f"{tracker.url} is called without a token", advice)]
    return [Finding(Mark.OK, _SUBJECT, f"are opened at {tracker.url}")]
