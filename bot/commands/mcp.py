"""``tandem mcp``"""

from typing import Annotated

import typer

from bot.commands.console import clear_errors
from bot.commands.registry import command


@command()
def mcp(
    url: Annotated[str, typer.Option(help="Where Tandem runs.")] = "http://127.0.0.1:8080",
) -> None:
    """Let an agent that starts its tools as programs use a running Tandem: MCP on stdio, with TANDEM_API_TOKEN."""
    import asyncio

    from bot.commands.parts.mcp_stdio import forward

    with clear_errors():
        asyncio.run(forward(url))
