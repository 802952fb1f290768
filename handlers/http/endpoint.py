"""``POST /webhooks/{source}``: verify, parse, append; 202 when the events are on disk."""

import asyncio
import contextvars
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from itertools import islice
from types import MappingProxyType

import structlog
from aiohttp import web
from multidict import CIMultiDict

from bot.domain.enrichment import NOTHING_ADDED, Enrichment
from bot.domain.event import Event
from bot.domain.mapping import SourceMapping
from bot.errors import ConfigError, InboxFull, StorageUnavailable
from bot.inbox.intake import Intake, entries_for
from bot.observability.metrics import ALERTS_REFUSED, EVENTS_ACCEPTED, REQUESTS_REFUSED
from bot.services import LookUp, nothing_to_look_up
from handlers.http.body import Unreadable, check_objects, read_body
from handlers.http.fast_path import Deliver, Delivery
from handlers.http.memory import share_of
from handlers.http.problem import RETRY_AFTER_OUTAGE, come_again, not_stored, problem
from handlers.http.taken import Taken, at_once
from handlers.sources.mapped import mapped_sources
from handlers.sources.registry import Malformed, NotAuthentic, Refusal, Source, Unverifiable, all_sources, nearest

MAX_BODY = 32 * 2**20
"""The default of ``TANDEM_MAX_BODY``."""
_SLICE = 250
"""So many events are made before others have their turn, and are one entry of the inbox: some 5 ms."""
_ASIDE = 2**16
"""A body of more than this is worked on in a thread, one at a time, and the other requests go on."""

_JSON = {"Content-Type": "application/json"}

_REFUSALS = (Malformed, UnicodeError, Unreadable, InboxFull, StorageUnavailable, NotAuthentic, Unverifiable)

log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Limits:
    """``refused`` is called with a source and the reason where something of its was refused for good; ``look_up`` with
    alerts of which other systems may know more."""

    max_body: int = MAX_BODY
    refused: Callable[[str, str], None] = lambda _source, _reason: None
    look_up: LookUp = nothing_to_look_up


class WebhookEndpoint:
    def __init__(
        self,
        intake: Intake,
        token: str | None,
        clock: Callable[[], datetime],
        partition_by: Sequence[str],
        partitions: int,
        secrets: Mapping[str, str],
        mapped: Mapping[str, SourceMapping],
        limits: Limits,
        enrichment: Enrichment,
    ) -> None:
        self._intake, self._enrichment = intake, enrichment
        self._asks = bool(enrichment.lookups)
        self._token = token.encode() if token else None
        self._clock = clock
        self._partition_by, self._partitions = partition_by, partitions
        self._sources = known_sources(mapped)
        self._secrets = {name: secret.encode() for name, secret in secrets.items()}
        self._limits = limits
        self._aside = ThreadPoolExecutor(1, "webhooks")
        self._accepted = {name: EVENTS_ACCEPTED.labels(name) for name in self._sources}

    def add_routes(self, app: web.Application) -> None:
        """A route a source, as aiohttp finds those fastest, and one for names that are none."""
        for source in self._sources.values():
            app.router.add_post(f"/webhooks/{source.name}", partial(self._take, source, self._signs(source)))
        app.router.add_post("/webhooks/{source}", self._refuse_unknown)

    async def _refuse_unknown(self, request: web.Request) -> web.Response:
        name = request.match_info["source"]
        return _refused(problem(404, f"No source is named {name[:60]!r}: {nearest(name, self._sources)}"))

    async def _take(self, source: Source, signs: bool, request: web.Request) -> web.Response:
        name = source.name
        headers = with_token(request) if source.token_in_address else request.headers
        if not signs and not self._shows_token(source, headers):
            return _refused(self._unauthentic())
        try:
            with share_of(request) as share:
                body = await read_body(request, self._limits.max_body, share)
                if signs and not self._signed(source, headers, body):
                    return _refused(self._unsigned(source))
                if source.prove:
                    await source.prove(headers, body)
                taken = await self._read_aside(source, headers, body)
                if taken.waiting:
                    await self._look_up(taken, source)
                for entries in at_once(taken.entries):
                    await self._intake.append(entries)
        except _REFUSALS as error:
            return self._not_taken(error, source, signs)
        self._accepted[name].inc(taken.events)
        if taken.refused:
            self._note_refused(name, taken.refused)
        return web.Response(body=taken.answer(), status=202, headers=_JSON)

    def _not_taken(self, error: Exception, source: Source, signs: bool) -> web.Response:
        """The answer; where coming again would not help, those who run Tandem are to know of it."""
        answer = _answer_to(error, source.name)
        unsigned = isinstance(error, Unreadable) and signs  # whose it is was not looked at
        if answer.status in (400, 413) and not unsigned:
            log.error("webhooks.delivery_refused", source=source.name, status=answer.status, reason=str(error)[:500])
            self._limits.refused(source.name, str(error))
        return _refused(answer)

    def _note_refused(self, name: str, refused: Sequence[Refusal]) -> None:
        ALERTS_REFUSED.labels(name).inc(len(refused))
        reason = f"{refused[0].reason} ({len(refused)} of one delivery)" if len(refused) > 1 else refused[0].reason
        log.error("webhooks.alerts_refused", source=name, refused=len(refused), reason=reason[:500])
        self._limits.refused(name, reason)

    def fast_path(self) -> dict[bytes, Deliver]:
        """What the fast path delivers to, by path: sources that need nothing but headers and body."""
        if self._asks:
            return {}
        sources = [source for source in self._sources.values() if source.prove is None]
        return {
            f"/webhooks/{source.name}".encode(): partial(self._deliver, source, self._signs(source))
            for source in sources
        }

    def _deliver(self, source: Source, signs: bool, headers: Mapping[str, str], body: bytes) -> Delivery:
        """Raises NotAuthentic, and what reading and lining up raise."""
        if not (self._signed(source, headers, body) if signs else self._shows_token(source, headers)):
            raise NotAuthentic(source.name)
        received_at = self._clock()
        taken = Taken()
        self._add(taken, source, source.parse(body, headers, received_at), received_at)
        if taken.refused:
            raise Malformed(taken.refused[0].reason)
        return Delivery(self._intake.put(taken.entries), taken.events, self._accepted[source.name].inc)

    async def _read_aside(self, source: Source, headers: Mapping[str, str], body: bytes) -> Taken:
        if len(body) <= _ASIDE:
            return self._read(source, headers, body)
        check_objects(body)
        read = partial(contextvars.copy_context().run, self._read, source, headers, body)
        return await asyncio.get_running_loop().run_in_executor(self._aside, read)

    def _read(self, source: Source, headers: Mapping[str, str], body: bytes) -> Taken:
        """What a body holds, made a slice at a time. Raises Malformed where nothing can be taken, UnicodeError."""
        received_at = self._clock()
        found, taken = iter(source.parse(body, headers, received_at)), Taken()
        while part := list(islice(found, _SLICE)):
            self._add(taken, source, part, received_at)
        if taken.refused and not taken.events:
            raise Malformed(taken.refused[0].reason)
        return taken

    def _add(self, taken: Taken, source: Source, found: Iterable[Event | Refusal], received_at: datetime) -> None:
        events: list[Event] = []
        for one in found:
            taken.refused.append(one) if isinstance(one, Refusal) else events.append(one)
        taken.events += len(events)
        if self._asks:
            taken.waiting += events
        else:
            self._add_entries(taken, source, events, received_at)

    async def _look_up(self, taken: Taken, source: Source) -> None:
        """Make entries of what waits for the answers of other systems, which are waited for a little while."""
        await self._limits.look_up(taken.waiting)
        received_at, waiting = self._clock(), iter(taken.waiting)
        while part := list(islice(waiting, _SLICE)):
            self._add_entries(taken, source, part, received_at)
            await asyncio.sleep(0)

    def _add_entries(self, taken: Taken, source: Source, events: Sequence[Event], received_at: datetime) -> None:
        events = self._enrichment.of(events)
        taken.entries += entries_for(events, source.name, received_at, self._partition_by, self._partitions)

    def _signs(self, source: Source) -> bool:
        return source.signature is not None and (source.verify is None or source.name in self._secrets)

    def _shows_token(self, source: Source, headers: Mapping[str, str]) -> bool:
        return source.verify is not None and source.verify(headers, self._token)

    def _signed(self, source: Source, headers: Mapping[str, str], body: bytes) -> bool:
        secret = self._secrets.get(source.name)
        return source.signature is not None and secret is not None and source.signature(headers, body, secret)

    def _unsigned(self, source: Source) -> web.Response:
        if source.name not in self._secrets:
            return problem(401, f"No secret is set for {source.name}: start Tandem with {source.secret_variable}.")
        return problem(401, f"The signature of {source.name} does not hold for this body.")

    def _unauthentic(self) -> web.Response:
        headers = {"WWW-Authenticate": "Bearer", "Connection": "close"}
        if self._token is None:
            return problem(401, "No token is set: start Tandem with TANDEM_WEBHOOK_TOKEN.", headers)
        return problem(401, "Send the header Authorization: Bearer <TANDEM_WEBHOOK_TOKEN>.", headers)


def with_token(request: web.Request) -> Mapping[str, str]:
    """The headers; where none authorises, the token of the address does."""
    if "Authorization" in request.headers or "token" not in request.query:
        return request.headers
    return CIMultiDict([*request.headers.items(), ("Authorization", f"Bearer {request.query['token']}")])


def _refused(answer: web.Response) -> web.Response:
    REQUESTS_REFUSED.labels(str(answer.status)).inc()
    return answer


def _answer_to(error: Exception, source: str) -> web.Response:
    """The answer to a delivery that was not taken."""
    match error:
        case Unreadable():
            return problem(error.status, str(error), {"Connection": "close"})
        case InboxFull() | StorageUnavailable():
            return not_stored(error)
        case NotAuthentic():
            return problem(401, str(error))
        case Unverifiable():
            return problem(503, str(error), come_again(RETRY_AFTER_OUTAGE))
        case _:
            return problem(400, f"The body is not what {source} sends: {error}")


def add_webhook_routes(
    app: web.Application,
    intake: Intake,
    token: str | None,
    clock: Callable[[], datetime],
    partition_by: Sequence[str],
    partitions: int,
    secrets: Mapping[str, str] | None = None,
    mapped: Mapping[str, SourceMapping] | None = None,
    limits: Limits = Limits(),
    enrichment: Enrichment = NOTHING_ADDED,
) -> Mapping[bytes, Deliver]:
    """``secrets`` are those of the senders that sign, by source; ``mapped`` the sources that tandem.yaml describes.

    Returns what the fast path delivers to.
    """
    made = WebhookEndpoint(
        intake, token, clock, partition_by, partitions, secrets or {}, mapped or {}, limits, enrichment
    )
    made.add_routes(app)
    return made.fast_path()


def known_sources(mapped: Mapping[str, SourceMapping]) -> dict[str, Source]:
    """Those of ``handlers/webhooks`` and those of tandem.yaml. Raises ConfigError where one takes another's name."""
    for name in mapped:
        if name in all_sources():
            raise ConfigError(f"sources.{name}: there is a source of this name already; choose another one")
    return {**all_sources(), **mapped_sources(mapped)}


def source_secrets(environ: Mapping[str, str] = os.environ) -> dict[str, str]:
    """The secrets of the senders that sign, from the environment."""
    signing = [source for source in all_sources().values() if source.signature]
    return {source.name: environ[source.secret_variable] for source in signing if environ.get(source.secret_variable)}


def parse_delivery(
    source: str,
    body: bytes,
    received_at: datetime,
    mapped: Mapping[str, SourceMapping] = MappingProxyType({}),
    headers: Mapping[str, str] = MappingProxyType({}),
) -> list[Event]:
    """The events of a body, as its endpoint would parse it; without those that it would set aside.

    Raises LookupError for an unknown source, Malformed where nothing can be taken.
    """
    found = read_delivery(source, body, received_at, mapped, headers)
    events = [one for one in found if not isinstance(one, Refusal)]
    refused = [one for one in found if isinstance(one, Refusal)]
    if refused and not events:
        raise Malformed(refused[0].reason)
    return events


def read_delivery(
    source: str,
    body: bytes,
    received_at: datetime,
    mapped: Mapping[str, SourceMapping] = MappingProxyType({}),
    headers: Mapping[str, str] = MappingProxyType({}),
) -> list[Event | Refusal]:
    """What a body holds, as its endpoint would parse it. Raises LookupError for an unknown source, Malformed.
    ``headers`` are those that a sender's parser needs beside the body, such as ``X-GitHub-Event``.
    """
    known = known_sources(mapped)
    if source not in known:
        raise LookupError(f"no source is named {source!r}: {nearest(source, known)}")
    given = {"content-type": "application/json"} | {name.lower(): value for name, value in headers.items()}
    return list(known[source].parse(body, given, received_at))
