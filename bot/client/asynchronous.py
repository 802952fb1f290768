"""The client for asyncio. ``synchronous.py`` is made of this file: ``python -m tests.unit.docs.client``."""

from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from bot.client import answers
from bot.client.connected_async import AsyncConnection
from bot.client.errors import Unavailable, Unreachable
from bot.client.frames import Sent, parquet_of, parts_of, written
from bot.client.requests import Query, address, change, read, rows
from bot.client.retries import PAUSE, sleep_async

Name = str | int
"""An incident by its id or by its number."""


class AsyncTandem(AsyncConnection):
    """Tandem behind ``url``, with a token of its API; what sends model data takes the token of the webhooks.

    Whatever is answered by 429 or 503 is sent again, ``attempts`` times in all, when the server says; so is what was
    not answered at all where that does nothing twice. Raises :class:`ApiError` and what is derived from it.
    """

    # incidents

    async def incidents(
        self,
        *,
        status: str | None = None,
        severity: str | None = None,
        service: str | None = None,
        team: str | None = None,
        since: datetime | None = None,
        q: str | None = None,
        alerts: bool = False,
    ) -> AsyncIterator[answers.Incident]:
        """Incidents, the newest first, page by page as they are taken."""
        wanted: dict[str, Query] = {"status": status, "severity": severity, "service": service, "team": team}
        wanted |= {"since": since, "q": q, "alerts": alerts}
        async for page in self._pages(answers.IncidentPage, "api/incidents", **wanted):
            for one in page.incidents:
                yield one

    async def incident(self, name: Name) -> answers.Incident:
        """One of them, with its alerts and its timeline."""
        return await self._fetch(read(address("api", "incidents", name)), answers.Incident)

    async def open_incident(
        self, title: str, *, service: str = "", severity: str | None = None, labels: Mapping[str, str] | None = None
    ) -> answers.Incident:
        body = {"title": title, "service": service, "severity": severity, "labels": dict(labels or {})}
        return await self._fetch(change("POST", "api/incidents", body), answers.Incident)

    async def acknowledge(self, name: Name, *, seen: int | None = None) -> answers.Incident:
        return await self._do(name, "acknowledge", {}, seen)

    async def unacknowledge(self, name: Name, *, seen: int | None = None) -> answers.Incident:
        return await self._do(name, "unacknowledge", {}, seen)

    async def resolve(self, name: Name, *, unless_firing: bool = False, seen: int | None = None) -> answers.Incident:
        """Also where alerts fire; with ``unless_firing`` that is a Conflict."""
        return await self._do(name, "resolve", {"unless_firing": unless_firing}, seen)

    async def reopen(self, name: Name, *, seen: int | None = None) -> answers.Incident:
        return await self._do(name, "reopen", {}, seen)

    async def note(self, name: Name, text: str) -> answers.Incident:
        return await self._do(name, "notes", {"text": text})

    async def update(self, name: Name, text: str) -> answers.Incident:
        """A status update, which the channel shows too."""
        return await self._do(name, "updates", {"text": text})

    async def ask(self, name: Name, question: str, *, model: bool = True) -> answers.Answer:
        """A question in free words, answered from evidence. A language model is asked too, where there is
        one: for it give the client a longer ``timeout`` than `assistant.timeout`. Without ``model`` it is not."""
        body = {"question": question, "model": model}
        return await self._fetch(change("POST", address("api", "incidents", name, "ask"), body), answers.Answer)

    async def assign(self, name: Name, user: str, *, seen: int | None = None) -> answers.Incident:
        """Give it to a user of Slack, by id."""
        return await self._do(name, "assign", {"user": user}, seen)

    async def set_severity(self, name: Name, severity: str, *, seen: int | None = None) -> answers.Incident:
        """Any usual word, or ``auto``: what the alerts say."""
        return await self._do(name, "severity", {"severity": severity}, seen)

    async def merge(self, name: Name, into: Name, *, seen: int | None = None) -> answers.Incident:
        return await self._do(name, "merge", {"into": into}, seen)

    async def split(self, name: Name, matchers: Sequence[str], *, seen: int | None = None) -> answers.Incident:
        """The alerts that match become an incident of their own, which is returned."""
        return await self._do(name, "split", {"matchers": list(matchers)}, seen)

    async def report(self, name: Name) -> str:
        """The post-incident report, as Markdown."""
        return (await self.send(read(address("api", "incidents", name, "report.md")))).text

    async def on_call(self, *, service: str | None = None, team: str | None = None) -> list[answers.OnCall]:
        """Who is on call now, of every schedule, or of those of a service or a team."""
        page = await self._fetch(read("api/oncall", service=service, team=team), answers.OnCallPage)
        return page.on_call

    # remediation

    async def runbooks(self, name: Name) -> list[answers.Runbook]:
        """Those that fit an incident."""
        return (await self._fetch(read(address("api", "incidents", name, "runbooks")), answers.RunbooksPage)).runbooks

    async def propose_run(self, name: Name, runbook: str) -> answers.Run:
        """Propose a runbook. People approve it, in Slack."""
        request = change("POST", address("api", "incidents", name, "runs"), {"runbook": runbook})
        return await self._fetch(request, answers.Run)

    async def runs(
        self, *, status: str | None = None, runbook: str | None = None, incident: Name | None = None
    ) -> AsyncIterator[answers.Run]:
        async for page in self._pages(answers.RunPage, "api/runs", status=status, runbook=runbook, incident=incident):
            for one in page.runs:
                yield one

    async def verdict(self, service: str, since: datetime, *, settle: str | None = None) -> answers.Verdict:
        """Whether a service is worse since a change: ``ok`` is None while it is too early."""
        return await self._fetch(read("api/verdict", service=service, since=since, settle=settle), answers.Verdict)

    async def verdict_on_version(
        self,
        model: str,
        version: str,
        since: datetime,
        *,
        against: str | None = None,
        worse_by: float | None = None,
        settle: str | None = None,
    ) -> answers.Verdict:
        """Whether a version of a model is worse than another that serves beside it."""
        tolerated = None if worse_by is None else str(worse_by)
        beside = {"against": against, "worse_by": tolerated, "settle": settle}
        path = read("api/verdict", model=model, version=version, since=since, **beside)
        return await self._fetch(path, answers.Verdict)

    # silences

    async def silences(self) -> AsyncIterator[answers.Silence]:
        async for page in self._pages(answers.SilencePage, "api/silences"):
            for one in page.silences:
                yield one

    async def silence(
        self, matchers: Sequence[str], duration: str, comment: str = "", *, anyway: bool = False
    ) -> answers.Silence:
        body = {"matchers": list(matchers), "duration": duration, "comment": comment, "anyway": anyway}
        return await self._fetch(change("POST", "api/silences", body), answers.Silence)

    async def declare_silence(
        self,
        id: str,
        matchers: Sequence[str],
        ends_at: datetime,
        *,
        starts_at: datetime | None = None,
        comment: str = "",
        anyway: bool = False,
    ) -> answers.Silence:
        """Have the silence of this id be so; declaring it again changes nothing."""
        body = {"matchers": list(matchers), "ends_at": ends_at, "starts_at": starts_at, "comment": comment}
        return await self._fetch(
            change("PUT", address("api", "silences", id), body | {"anyway": anyway}), answers.Silence
        )

    async def end_silence(self, id: str) -> answers.Silence:
        return await self._fetch(change("DELETE", address("api", "silences", id), {}), answers.Silence)

    # what is known

    async def services(self, *, team: str | None = None) -> AsyncIterator[answers.Service]:
        async for page in self._pages(answers.ServicePage, "api/services", team=team):
            for one in page.services:
                yield one

    async def changes(
        self, service: str, *, since: datetime | None = None, until: datetime | None = None
    ) -> list[answers.Change]:
        """Deploys and other changes of a service, the latest first."""
        return (
            await self._fetch(read("api/changes", service=service, since=since, until=until), answers.ChangesPage)
        ).changes

    async def audit(
        self,
        *,
        actor: str | None = None,
        action: str | None = None,
        subject: str | None = None,
        since: datetime | None = None,
    ) -> AsyncIterator[answers.AuditEntry]:
        async for page in self._pages(
            answers.AuditPage, "api/audit", actor=actor, action=action, subject=subject, since=since
        ):
            for one in page.entries:
                yield one

    async def stats(self, days: int = 30, *, by: str | None = None) -> answers.Stats:
        """MTTA, MTTR, noise and the like, in all and by ``service`` or ``team``."""
        return await self._fetch(read("api/stats", days=days, by=by), answers.Stats)

    async def noise(self, days: int = 30) -> list[answers.Noise]:
        """Which alerts called people for nothing, the noisiest first, each with the setting that is proposed."""
        return (await self._fetch(read("api/noise", days=days), answers.NoisePage)).noise

    async def events(self, after: int | None = None) -> AsyncIterator[tuple[int, answers.Event]]:
        """What happens, as it happens, without end, each with its place: who comes back with it gets what followed.

        A stream that broke is taken up where it was, each event once.

        Raises ApiError where it cannot be had anew in as many attempts as the client makes.
        """
        position, failed = after, 0
        while True:
            try:
                async for place, event in self._stream(position):
                    position, failed = place, 0
                    if event is not None:
                        yield place, event
            except (Unreachable, Unavailable):
                failed += 1
                if failed >= self._attempts:
                    raise
            await sleep_async(PAUSE)

    # models

    async def models(self) -> AsyncIterator[answers.Model]:
        async for page in self._pages(answers.ModelPage, "api/models"):
            for one in page.models:
                yield one

    async def model(self, name: str) -> answers.Model:
        return await self._fetch(read(address("api", "models", name)), answers.Model)

    async def history(
        self, model: str, *, monitor: str | None = None, since: datetime | None = None
    ) -> AsyncIterator[answers.HistoryPage]:
        """What the monitors of a model said, the newest first: checks and episodes, page by page."""
        path = address("api", "models", model, "history")
        async for page in self._pages(answers.HistoryPage, path, monitor=monitor, from_=since):
            yield page

    async def log_predictions(self, model: str, data: Any, **query: Query) -> Sent:
        """Send predictions: a DataFrame, an Arrow table, columns or rows. docs/models.md names the columns.

        Many go in parts. Raises Invalid for the first part that is refused; those before it are kept.
        """
        return await self._log(model, "predictions", data, query)

    async def log_labels(self, model: str, data: Any, **query: Query) -> Sent:
        """Send what turned out to be true of predictions, by their ids."""
        return await self._log(model, "labels", data, query)

    async def put_reference(
        self, model: str, version: str, data: Any, *, model_version: str | None = None, **query: Query
    ) -> None:
        """Store what the monitors compare with; ``query`` is any parameter of it in docs/models.md."""
        path = address("models", model, "references", version)
        await self.send(rows("PUT", path, parquet_of(data), model_version=model_version, **query))

    async def put_importance(self, model: str, version: str, importance: Mapping[str, float]) -> None:
        """Note with a reference how much the model goes by each feature, on any scale.

        ``bot.client.importance.permutation_importance`` finds it for a scikit-learn model.
        """
        path = address("models", model, "references", version, "importance")
        await self.send(change("PUT", path, {"importance": dict(importance)}))

    # how it is done

    async def _log(self, model: str, what: str, data: Any, query: Mapping[str, Query]) -> Sent:
        sent = Sent()
        for part in parts_of(data):
            request = rows("POST", address("models", model, what), written(part), **query)
            sent = sent.with_part(await self._fetch(request, Sent))
        return sent

    async def _do(self, name: Name, deed: str, body: Mapping[str, Any], seen: int | None = None) -> answers.Incident:
        return await self._fetch(change("POST", address("api", "incidents", name, deed), body, seen), answers.Incident)
