"""``tandem demo``"""

import logging
import signal
from importlib.util import find_spec
from typing import Annotated

import typer

from bot.commands.console import clear_errors, out
from bot.commands.registry import command
from bot.errors import ConfigError


@command()
def demo(
    auto: Annotated[
        bool, typer.Option("--auto", help="No browser: click by itself, and fail if the story does.")
    ] = False,
) -> None:
    """Tell the retail story on real processes, with a local Slack in the browser."""
    signal.signal(signal.SIGINT, signal.default_int_handler)  # in the background of a script it is ignored
    import asyncio

    from bot.demo.story.telling import run_story
    from bot.observability.logs import set_up_logging

    set_up_logging(logging.ERROR)
    with clear_errors():
        if find_spec("supervisor") is None:
            raise ConfigError('The demo runs its processes under supervisor: pip install "tandem-chatops[demo]"')
        raise typer.Exit(asyncio.run(run_story(auto, out)))
