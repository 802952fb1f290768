"""``tandem doctor``"""

import logging

import typer

from bot.commands.console import ConfigOption, out
from bot.commands.registry import command


@command()
def doctor(config: ConfigOption = None) -> None:
    """Check token, scopes, channel, signing secret, clock, database and configuration, and say what to do."""
    import asyncio

    from bot.commands.parts.doctor import diagnose
    from bot.commands.parts.settings import read_config
    from bot.config import read_environment
    from bot.observability.logs import set_up_logging

    set_up_logging(logging.ERROR)
    findings = asyncio.run(diagnose(lambda: read_config(config, read_environment())))
    for finding in findings:
        out.print(f"{finding.mark} {finding.subject}: {finding.text}")
        if finding.advice:
            out.print(f"    → {finding.advice}")
    if any(finding.failed for finding in findings):
        raise typer.Exit(1)
