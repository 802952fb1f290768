"""``tandem try-source``"""

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bot.commands.console import ConfigOption, clear_errors, out
from bot.commands.registry import command
from bot.errors import ConfigError, TandemError

if TYPE_CHECKING:
    from bot.config import Config
    from bot.domain.event import AlertEvent, Event
    from bot.domain.rules import Rules


@command("try-source")
def try_source(
    name: Annotated[str, typer.Argument(help="The source, as in POST /webhooks/NAME.", metavar="NAME")],
    file: Annotated[Path, typer.Argument(help="A body as its sender posts it.", metavar="FILE")],
    config: ConfigOption = None,
) -> None:
    """Show what a body becomes and what its alerts are about, before its sender is told the address."""
    from bot.commands.parts.settings import read_config
    from bot.config import read_environment
    from bot.domain.event import AlertEvent, encode_events
    from handlers.http.endpoint import read_delivery
    from handlers.sources.registry import Refusal

    with clear_errors():
        settings = read_config(config, read_environment())
        if not file.is_file():
            raise ConfigError(f"{file}: there is no such file")
        try:
            found = read_delivery(name, file.read_bytes(), datetime.now(UTC), settings.sources)
        except (LookupError, TandemError, UnicodeError) as error:
            raise ConfigError(f"{file}: {error}") from error
        rules = settings.rules()
        events = [one for one in found if not isinstance(one, Refusal)]
        reasons = asyncio.run(_look_up(events, settings, rules))
        for event in events:
            [enriched] = rules.enrichment.of([event])
            out.print_json(encode_events(enriched).decode())
            if isinstance(event, AlertEvent):
                told = [_read(enriched, rules), *_added(event, rules, reasons)]
                out.print("\n".join(told), markup=False, highlight=False, soft_wrap=True)
        for refused in (one for one in found if isinstance(one, Refusal)):
            out.print(f"refused, number {refused.index}: {refused.reason}", markup=False)
        hosts = ", ".join(sorted({one.name for one in rules.enrichment.lookups}))
        sent = f"nothing was sent but lookups to {hosts}, and nothing" if hosts else "nothing was sent or"
        out.print(f"{len(events)} {'event' if len(events) == 1 else 'events'} of {name}; {sent} stored", soft_wrap=True)


async def _look_up(events: "Sequence[Event]", config: "Config", rules: "Rules") -> dict[str, str]:
    """Let other systems be asked, as when alerts come in; returns why they do not answer, by host."""
    from bot.components.partitions.state import make_lookups

    lookups = make_lookups(config, rules)
    try:
        await lookups.prepare(events)
    finally:
        await lookups.close()
    return lookups.reasons


def _added(event: "AlertEvent", rules: "Rules", reasons: Mapping[str, str]) -> Iterator[str]:
    """What each entry of ``enrich`` adds, in their order."""
    for number, one in enumerate(rules.enrichment.applied_to(event)):
        found = ", ".join(f"{label}={value}" for label, value in one.labels.items()) or "nothing"
        why = one.stale or ("" if one.labels else reasons.get(one.step.name, ""))
        yield f"  enrich.{number} ({one.step.name}, {one.step.version}) adds {found}{f': {why}' if why else ''}"


def _read(event: "Event", rules: "Rules") -> str:
    """What the alert is taken to be about, and which of its labels says so."""
    from bot.domain.event import AlertEvent
    from detectors.topology import Topology

    assert isinstance(event, AlertEvent)
    name = event.labels.get("alertname") or "alert"
    if heartbeats := rules.heartbeats_in(event.labels):
        return f"{name} is the heartbeat {', '.join(heartbeats)}: it opens no incident"
    if not rules.is_trouble(event.labels):
        return f"{name} is no trouble: it opens no incident (correlation.naming.keep makes it one)"
    about = rules.correlation.about(event.labels, Topology(rules.depends_on).described)
    lines = [f"{name}", f"  service: {about.service or 'none'} ({about.why})"]
    if about.namespace:
        lines.append(f"  namespace: {about.namespace}")
    lines.append(f"  host: {', '.join(about.hosts) or 'none'}")
    return "\n".join(lines)
