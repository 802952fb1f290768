"""The keys of tandem.yaml, and their validation."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Annotated, Self

from pydantic import AfterValidator, BaseModel, Field, PrivateAttr

from bot.config.api import ApiSection
from bot.config.assistant import AssistantSection
from bot.config.checks import (
    check_after,
    check_ops_channel,
    check_server,
    check_timeout,
    check_url,
    check_workspace,
)
from bot.config.document import Place
from bot.config.enrichment import EnrichSection
from bot.config.kubernetes import KubernetesSection
from bot.config.models import Keys, Model
from bot.config.outgoing import OutgoingReceiver, check_receivers
from bot.config.patches import NoiseSection, Patches
from bot.config.read_files import ReadFiles
from bot.config.tickets import TicketsSection
from bot.domain.access.permission import Permissions, Policy
from bot.domain.access.team import Team, Teams
from bot.domain.alert import AlertRules
from bot.domain.duration import Duration
from bot.domain.enrichment import Enrichment
from bot.domain.guards.freeze import GuardRules
from bot.domain.llm.rules import LlmRules
from bot.domain.maintenance import MaintenanceWindow
from bot.domain.mapping import SourceMapping
from bot.domain.oncall.escalation import Escalation
from bot.domain.oncall.names import People
from bot.domain.oncall.schedule import Schedule
from bot.domain.retention import RetentionRules
from bot.domain.routing.route import Route, check_channel
from bot.domain.rules import CorrelationRules, Rules
from bot.domain.runbook import Runbook
from bot.domain.severity import Severity, spelling
from bot.domain.watched.heartbeat import Heartbeat
from bot.domain.watched.telemetry import LogRules, MetricRules
from bot.remediation.executors.web import Headers
from bot.routing.compiled import Routes

NAME = r"^[a-z0-9][a-z0-9-]{0,59}$"  # what may stand in an address


class Section(Keys, BaseModel):
    """Of tandem.yaml."""


class SlackSection(Section):
    channel: Annotated[str, AfterValidator(check_channel)] = "#incidents"
    """The channel of incidents: its name in quotes (`"#incidents"`) or its id."""
    ops_channel: Annotated[str | None, AfterValidator(check_ops_channel)] = None
    """The channel that hears of it when Tandem itself does not work."""
    workspaces: Annotated[list[Annotated[str, AfterValidator(check_workspace)]], Field(max_length=100)] = []
    """The workspaces (`T…`) or organisations (`E…`) whose requests are taken; default: the one that the bot is in."""


class PrometheusSection(Section):
    """A Prometheus, or what speaks its API, that verifications ask."""

    url: Annotated[str, AfterValidator(check_server)]
    """The address before `/api/v1/query`."""
    headers: Headers = {}
    """Headers: a text, or `{secret: NAME, prefix: …}`, which is filled in from `TANDEM_SECRET_NAME`."""


class DeadmanSection(Section):
    """When Tandem counts as not processing: its oldest entry has waited, or something has been wrong, for longer."""

    after: Annotated[Duration, AfterValidator(check_after)] = timedelta(minutes=5)
    """How late processing may be before Tandem counts as not working; 1s to 1d."""


class RewriteSection(Section):
    """A language model that puts summaries into plainer words; ``url`` is what stands before ``/chat/completions``."""

    url: Annotated[str, AfterValidator(check_url)]
    """The address before `/chat/completions` of an endpoint that speaks OpenAI's protocol."""
    model: Annotated[str, Field(min_length=1, max_length=200)]
    """The model's name there."""
    timeout: Annotated[Duration, AfterValidator(check_timeout)] = timedelta(seconds=10)
    """How long an answer may take; 100ms to 2m."""
    per_minute: Annotated[int, Field(ge=1, le=600)] = 10
    """Most requests a minute."""


class SummarySection(Section):
    """How summaries are worded."""

    rewrite: RewriteSection | None = None
    """A language model that rewords summaries; without this section none is called."""


class TopologySection(Section):
    """Files of other tools that say what depends on what, beside tandem.yaml."""

    imports: Annotated[list[str], Field(alias="import")] = []
    """Files of other tools that say what depends on what, relative to tandem.yaml."""


class Service(Section):
    """Or a host, a database, a queue, a dataset: a node of the topology."""

    depends_on: list[str] = []
    """The services, hosts, databases … that it needs."""
    critical: bool = False
    """Whether people are told apart from others how many such services depend on what a runbook acts on."""

    @property
    def dependencies(self) -> list[tuple[Place, str]]:
        """What it depends on, each with its place in the section."""
        return [(("depends_on", i), other) for i, other in enumerate(self.depends_on)]


class Config(Section):
    """tandem.yaml. An empty file is a valid one."""

    slack: SlackSection = SlackSection()
    deadman: DeadmanSection = DeadmanSection()
    correlation: CorrelationRules = CorrelationRules()
    alerts: AlertRules = AlertRules()
    summary: SummarySection = SummarySection()
    assistant: AssistantSection | None = None
    topology: TopologySection = TopologySection()
    services: dict[str, Service] = Field(default={}, max_length=10_000)
    """The topology: one entry for each service, host, database, queue or dataset."""
    models: dict[str, Model] = {}
    """Machine-learning models by name; each is a node of the topology, too."""
    metrics: MetricRules = MetricRules()
    logs: LogRules = LogRules()
    llm: LlmRules = LlmRules()
    teams: dict[Annotated[str, Field(pattern=NAME)], Team] = {}
    """Teams by name: the services that each answers for, and who is in it."""
    routes: Annotated[list[Route], Field(max_length=10_000)] = []
    """Which channel an incident is shown in, who is mentioned there, and which escalation it has. They are looked at
    in order, and the first that matches decides; what none matches goes to `slack.channel`."""
    schedules: dict[Annotated[str, Field(pattern=NAME)], Schedule] = Field(default={}, max_length=1000)
    """Who is on call when, by name: `{schedule: NAME}` stands for whoever that is now."""
    people: People = Field(default={}, max_length=10_000)
    """Slack user ids by the names or e-mail addresses that stand in schedules."""
    escalations: dict[Annotated[str, Field(pattern=NAME)], Escalation] = Field(default={}, max_length=1000)
    """Whom to call next while nobody acknowledges an incident, by name; a route says which applies."""
    permissions: Permissions = Permissions()
    api: ApiSection = ApiSection()
    tickets: TicketsSection | None = None
    """Where the ticket of an incident is opened, by a button."""
    outgoing: Annotated[list[OutgoingReceiver], Field(max_length=50), AfterValidator(check_receivers)] = []
    """Systems that are sent incident and run changes, as signed CloudEvents."""
    heartbeats: dict[Annotated[str, Field(pattern=NAME)], Heartbeat] = {}
    """What must report from time to time, by name."""
    sources: dict[Annotated[str, Field(pattern=NAME)], SourceMapping] = {}
    """Sources of your own, by name: JSON to alerts by JMESPath expressions."""
    runbooks: dict[str, Runbook] = {}
    """Remediations by name; see runbooks.md."""
    guards: GuardRules = GuardRules()
    prometheus: dict[Annotated[str, Field(pattern=NAME)], PrometheusSection] = {}
    """Servers that verifications ask, by name."""
    kubernetes: KubernetesSection | None = None
    """The cluster that is looked at, and whose objects steps may change."""
    noise: NoiseSection = NoiseSection()
    maintenance: dict[str, MaintenanceWindow] = {}
    """Maintenance windows by name."""
    retention: RetentionRules = RetentionRules()
    severities: dict[Annotated[str, Field(min_length=1, max_length=100)], Severity] = {}
    """Words of your own for severities, beside the usual ones (P0, SEV-1, emerg, blocker, `P1 - Critical` …)."""
    enrich: Annotated[list[EnrichSection], Field(max_length=50)] = []
    """Labels that are added to alerts when they come in, entry by entry in this order."""

    _files: ReadFiles = PrivateAttr(ReadFiles())

    def read_with(self, files: ReadFiles) -> Self:
        """The same with what stands in files that it names."""
        config = self.model_copy()
        config._files = files
        return config

    @property
    def patches(self) -> Patches:
        return Patches(self._files.file, self.noise.rules)

    def described(self) -> Iterator[tuple[str, str, Service | Model]]:
        """Every entry of the topology that stands here, after its section and its name."""
        yield from (("services", name, service) for name, service in self.services.items())
        yield from (("models", name, model) for name, model in self.models.items())

    @property
    def depends_on(self) -> dict[str, list[str]]:
        """The topology: what each service and model depends on."""
        edges: dict[str, list[str]] = {}
        for _, name, one in self.described():
            edges.setdefault(name, []).extend(other for _, other in one.dependencies)
        for name, others in self._files.depends_on.items():
            edges.setdefault(name, []).extend(others)
        return {name: list(dict.fromkeys(others)) for name, others in edges.items()}

    @property
    def policy(self) -> Policy:
        """Who may do what; what cannot be found out about people is held against them once permissions are written."""
        return Policy(self.permissions, self.responsible, strict="permissions" in self.model_fields_set)

    @property
    def responsible(self) -> Teams:
        """Which teams answer for which services."""
        return Teams(self.teams, self._files.owners)

    @property
    def severity_words(self) -> dict[str, Severity]:
        return {spelling(word): severity for word, severity in self.severities.items()}

    def compiled_routes(self) -> Routes:
        """Which routes an incident takes."""
        return Routes(self.routes, self.slack.channel, self.responsible, self.severity_words)

    @property
    def enrichment(self) -> Enrichment:
        """What is added to alerts when they come in."""
        described = frozenset(self.depends_on) | {name for others in self.depends_on.values() for name in others}
        return Enrichment(self._files.steps, lambda labels: self.correlation.about(labels, described))

    def rules(self) -> Rules:
        """The part that the pipeline works by."""
        return Rules(
            correlation=self.correlation,
            alerts=self.alerts,
            depends_on=self.depends_on,
            runbooks=self.runbooks,
            maintenance=self.maintenance,
            metrics=self.metrics,
            logs=self.logs,
            llm=self.llm,
            heartbeats=self.heartbeats,
            severities=self.severity_words,
            models={name: model.watched for name, model in self.models.items()},
            guards=self.guards,
            teams=self.responsible,
            enrichment=self.enrichment,
            critical=frozenset(name for name, service in self.services.items() if service.critical),
        )
