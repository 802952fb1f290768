"""``tandem routes``"""

from typing import Annotated

import typer

from bot.commands.console import ConfigOption, clear_errors, out
from bot.commands.registry import command


@command()
def routes(
    labels: Annotated[
        list[str],
        typer.Option("--labels", help="What an incident has: team=shop,severity=critical; may be given again."),
    ],
    config: ConfigOption = None,
) -> None:
    """Say which route takes an incident with these labels, why, and whom it would reach."""
    from bot.commands.parts.settings import config_path
    from bot.config import load_config, read_environment
    from bot.errors import TandemError
    from bot.routing.why import explained, facts_from, outcome

    with clear_errors():
        settings, _ = load_config(config_path(config, read_environment()))
        try:
            facts = facts_from(",".join(labels), settings.severity_words)
        except ValueError as error:
            raise TandemError(f"--labels: {error}") from error
        known = settings.compiled_routes()
        for line in explained(known, facts):
            out.print(line)
        for line in outcome(known.decide(facts)):
            out.print(f"→ {line}")
