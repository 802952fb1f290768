"""The command line: ``tandem run | check | topology | doctor | record | replay | try-source | demo``."""

import asyncio
import logging
import signal
import sys
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import structlog
import typer
from rich.console import Console

from bot.config import Config, Environment, load_config, read_environment
from bot.domain.event import encode_events
from bot.errors import ConfigError, StorageUnavailable, TandemError
from bot.observability.logs import set_up_logging
from bot.observability.tracing import tracing
from bot.watchdog import end_within

DEFAULT_CONFIG = Path("tandem.yaml")
EXIT_CONFIG = 2
SWITCH_SECONDS = 0.0005
"""How long a database's thread waits for the loop's to let it go on; Python's own 5 ms are longer than a commit."""

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
    with _clear_errors(), tracing():
        environment = read_environment()
        set_up_logging(getattr(logging, environment.log_level.upper()), environment.log_format)
        settings = _read_config(config, environment)
        _run_loop(_run(environment, settings, host, port))


@cli.command()
def check(config: ConfigOption = None) -> None:
    """Validate the configuration; exit 2 with file, line and reason where it is wrong."""
    with _clear_errors():
        environment = read_environment()
        path = _config_path(config, environment)
        settings, warnings = load_config(path)
        for warning in [*warnings, *_doubts(settings, environment)]:
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
    from bot.commands.topology import print_learnt, print_topology, read_learnt

    with _clear_errors():
        environment = read_environment()
        settings, warnings = load_config(_config_path(config, environment))
        print_topology(settings, warnings, out)
        if learnt:
            now = datetime.now(UTC)
            print_learnt(asyncio.run(read_learnt(environment.database_url, now)), now, out)


@cli.command()
def doctor(config: ConfigOption = None) -> None:
    """Check token, scopes, channel, signing secret, clock, database and configuration, and say what to do."""
    from bot.commands.doctor import diagnose

    set_up_logging(logging.ERROR)
    findings = asyncio.run(diagnose(lambda: _read_config(config, read_environment())))
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
    from bot.commands.replay import print_incidents, read_made, replay_file
    from handlers.http.endpoint import parse_delivery

    set_up_logging(logging.ERROR)
    with _clear_errors():
        settings = _read_config(config, read_environment())
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
    from handlers.http.endpoint import parse_delivery

    with _clear_errors():
        settings = _read_config(config, read_environment())
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
    from bot.commands.recording import record as write_log

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
    from bot.demo.story import tell

    set_up_logging(logging.ERROR)
    with _clear_errors():
        raise typer.Exit(asyncio.run(tell(auto, out)))


def main() -> None:
    cli()


def _config_path(given: Path | None, environment: Environment) -> Path:
    return given or (Path(environment.config) if environment.config else DEFAULT_CONFIG)


def _read_config(given: Path | None, environment: Environment) -> Config:
    """The configuration. Without a file by the default name the defaults hold; a file that was named must exist."""
    path = _config_path(given, environment)
    log = structlog.get_logger(__name__)
    if path == DEFAULT_CONFIG and not path.exists():
        log.warning("config.defaults", reason=f"there is no {path}: no services and no runbooks are known")
        return Config()
    settings, warnings = load_config(path)
    for warning in [*warnings, *_doubts(settings, environment)]:
        log.warning("config.doubt", reason=warning)
    return settings


def _doubts(config: Config, environment: Environment) -> list[str]:
    """About where the data of models is kept. Raises ConfigError for a place that cannot be used."""
    if not config.models:
        return []
    from bot.storage.blobs import doubt_of

    doubt = doubt_of(environment.model_store, environment.database_url)
    return [doubt] if doubt else []


def _run_loop(main: Coroutine[Any, Any, None]) -> None:
    """On uvloop, where it exists: the doors take about half as many requests again."""
    sys.setswitchinterval(SWITCH_SECONDS)
    try:
        import uvloop
    except ImportError:
        asyncio.run(main)
    else:
        uvloop.run(main)


async def _run(environment: Environment, config: Config, host: str, port: int) -> None:
    from bot.app import App

    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopping.set)
    async with App(environment, config, host, port) as app:
        stop, failure = asyncio.create_task(stopping.wait()), asyncio.create_task(app.failed())
        await asyncio.wait({stop, failure}, return_when=asyncio.FIRST_COMPLETED)
        if failure.done():
            failure.result()
        failure.cancel()
        end_within()


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
