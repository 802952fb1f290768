"""What every command prints with, and how it ends where something is wrong."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from bot.errors import ConfigError, StorageUnavailable, TandemError

EXIT_CONFIG = 2

out = Console(soft_wrap=True, highlight=False, markup=False)
err = Console(stderr=True, soft_wrap=True, highlight=False, markup=False)

ConfigOption = Annotated[
    Path | None, typer.Option("--config", help="The configuration file; by default $TANDEM_CONFIG, else tandem.yaml.")
]


@contextmanager
def clear_errors() -> Iterator[None]:
    """End with a message instead of a traceback where the message says it all."""
    try:
        yield
    except ConfigError as error:
        err.print(str(error))
        raise typer.Exit(EXIT_CONFIG) from error
    except StorageUnavailable as error:
        err.print(f"tandem: the database cannot be used: {error}")
        raise typer.Exit(1) from error
    except (TandemError, OSError) as error:
        err.print(f"tandem: {error}")
        raise typer.Exit(1) from error
