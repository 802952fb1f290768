"""``tandem run``"""

from typing import Annotated

import typer

from bot.commands.console import ConfigOption, clear_errors
from bot.commands.registry import command


@command()
def run(
    config: ConfigOption = None,
    host: Annotated[str, typer.Option(help="The address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="The port to listen on; 0 takes a free one.", min=0, max=65535)] = 8080,
    watch: Annotated[bool, typer.Option("--watch", help="Take a changed configuration by itself.")] = False,
) -> None:
    """Run the bot until SIGTERM or Ctrl-C; on SIGHUP it takes a changed configuration."""
    from bot.commands.parts.run import run_bot

    with clear_errors():
        run_bot(config, (host, port), watch)
