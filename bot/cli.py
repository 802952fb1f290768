"""The command line: ``tandem run | check | topology | doctor | record | replay | try-source | demo``.

Each command imports what it needs, and is imported when it is called: ``tandem --help`` waits for none of it.
"""

import logging
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from bot.errors import ConfigError, StorageUnavailable, TandemError

EXIT_CONFIG = 2

cli = typer.Typer(
    help="Alerts in, one Slack message an incident out: its cause, a remediation on a click, the check that it worked.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
out = Console(soft_wrap=True, highlight=False, markup=False)
err = Console(stderr=True, soft_wrap=True, highlight=False, markup=False)

ConfigOption = Annotated[
    Path | None, typer.Option("--config", help="The configuration file; by default $TANDEM_CONFIG, else tandem.yaml.")
]


@cli.command()
def run(
    config: ConfigOption = None,
    host: Annotated[str, typer.Option(help="The address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="The port to listen on; 0 takes a free one.", min=0, max=65535)] = 8080,
) -> None:
    """Run the bot until SIGTERM or Ctrl-C."""
    from bot.commands.run import run_bot

    with _clear_errors():
        run_bot(config, host, port)


@cli.command()
def check(config: ConfigOption = None) -> None:
    """Validate the configuration; exit 2 with file, line and reason where it is wrong."""
    from bot.commands.settings import config_path, doubts
    from bot.config import load_config, read_environment

    with _clear_errors():
        environment = read_environment()
        path = config_path(config, environment)
        settings, warnings = load_config(path)
        for warning in [*warnings, *doubts(settings, environment)]:
            out.print(f"warning: {warning}")
        counts = f"{len(settings.services)} services, {len(settings.models)} models, {len(settings.runbooks)} runbooks"
        out.print(f"{path}: valid ({counts})")


@cli.command()
def topology(
    config: ConfigOption = None,
    learnt: Annotated[
        bool, typer.Option("--learnt", help="Also what alerts and calls have taught, from TANDEM_DATABASE_URL.")
    ] = False,
) -> None:
    """Print what depends on what, from tandem.yaml and the files it imports, and what is doubtful in it."""
    import asyncio

    from bot.commands.settings import config_path
    from bot.commands.topology import print_learnt, print_topology, read_learnt
    from bot.config import load_config, read_environment

    with _clear_errors():
        environment = read_environment()
        settings, warnings = load_config(config_path(config, environment))
        print_topology(settings, warnings, out)
        if learnt:
            now = datetime.now(UTC)
            print_learnt(asyncio.run(read_learnt(environment.database_url, now)), now, out)


@cli.command()
def doctor(config: ConfigOption = None) -> None:
    """Check token, scopes, channel, signing secret, clock, database and configuration, and say what to do."""
    import asyncio

    from bot.commands.doctor import diagnose
    from bot.commands.settings import read_config
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


@cli.command()
def replay(
    file: Annotated[Path, typer.Argument(help="A recorded event log: JSON Lines of deliveries.", metavar="FILE")],
    config: ConfigOption = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")] = False,
) -> None:
    """Feed a recorded event log through today's configuration; print the incidents it makes, and those it made then."""
    import asyncio

    from bot.commands.replay import print_incidents, read_made, replay_file
    from bot.commands.settings import read_config
    from bot.config import read_environment
    from bot.observability.logs import set_up_logging
    from handlers.http.endpoint import parse_delivery

    set_up_logging(logging.ERROR)
    with _clear_errors():
        settings = read_config(config, read_environment())
        then = read_made(file)
        parse = partial(parse_delivery, mapped=settings.sources)
        print_incidents(asyncio.run(replay_file(file, settings, parse)), then, out, as_json)


@cli.command("try-source")
def try_source(
    name: Annotated[str, typer.Argument(help="The source, as in POST /webhooks/NAME.", metavar="NAME")],
    file: Annotated[Path, typer.Argument(help="A body as its sender posts it.", metavar="FILE")],
    config: ConfigOption = None,
) -> None:
    """Show what a body becomes, before its sender is told the address."""
    from bot.commands.settings import read_config
    from bot.config import read_environment
    from bot.domain.event import encode_events
    from handlers.http.endpoint import parse_delivery

    with _clear_errors():
        settings = read_config(config, read_environment())
        if not file.is_file():
            raise ConfigError(f"{file}: there is no such file")
        try:
            events = parse_delivery(name, file.read_bytes(), datetime.now(UTC), settings.sources)
        except (LookupError, TandemError, UnicodeError) as error:
            raise ConfigError(f"{file}: {error}") from error
        for event in events:
            out.print_json(encode_events(event).decode())
        out.print(f"{len(events)} {'event' if len(events) == 1 else 'events'} of {name}; nothing was sent or stored")


@cli.command()
def record(
    file: Annotated[Path, typer.Argument(help="Where the event log goes.", metavar="FILE")],
) -> None:
    """Write what came in, and the incidents it made, as an event log for replay; the bot may be running."""
    import asyncio

    from bot.commands.recording import record as write_log
    from bot.config import read_environment
    from bot.observability.logs import set_up_logging

    set_up_logging(logging.ERROR)
    with _clear_errors():
        environment = read_environment()
        deliveries, made = asyncio.run(write_log(environment.database_url, file, environment.inbox_address))
        out.print(f"{file}: {deliveries} deliveries, {made} incidents")


@cli.command()
def demo(
    auto: Annotated[
        bool, typer.Option("--auto", help="No browser: click by itself, and fail if the story does.")
    ] = False,
) -> None:
    """Tell the retail story on real processes, with a local Slack in the browser."""
    signal.signal(signal.SIGINT, signal.default_int_handler)  # in the background of a script it is ignored
    import asyncio

    from bot.demo.story import tell
    from bot.observability.logs import set_up_logging

    set_up_logging(logging.ERROR)
    with _clear_errors():
        if find_spec("supervisor") is None:
            raise ConfigError('The demo runs its processes under supervisor: pip install "tandem-chatops[demo]"')
        raise typer.Exit(asyncio.run(tell(auto, out)))


def main() -> None:
    cli()


@contextmanager
def _clear_errors() -> Iterator[None]:
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


if __name__ == "__main__":
    main()
