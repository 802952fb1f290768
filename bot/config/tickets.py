"""``tickets`` of tandem.yaml: where a ticket of an incident is opened."""

from typing import Annotated, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from bot.config.checks import check_server
from bot.remediation.executors.web import Headers

Label = Annotated[str, Field(min_length=1, max_length=100, pattern=r"^[^\s,]+$")]
Labels = Annotated[list[Label], Field(max_length=20)]
Server = Annotated[str, AfterValidator(check_server)]


class _Tracker(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class GitHubTickets(_Tracker):
    """Issues of a repository on GitHub."""

    repository: Annotated[str, Field(pattern=r"^[A-Za-z0-9_.-]{1,100}/[A-Za-z0-9_.-]{1,100}$")]
    """The repository, as in `acme/shop`."""
    url: Server = "https://api.github.com"
    """The address of the API; of an own server it ends in `/api/v3`."""
    headers: Headers = {}
    """Headers: a text, or `{secret: NAME, prefix: …}`, which is filled in from `TANDEM_SECRET_NAME`."""
    labels: Labels = []
    """Labels that each ticket gets."""


class GitLabTickets(_Tracker):
    """Issues of a project on GitLab."""

    project: Annotated[str, Field(min_length=1, max_length=300, pattern=r"^[^\s?#]+$")]
    """The project's path or number, as in `acme/shop`."""
    url: Server = "https://gitlab.com/api/v4"
    """The address of the API."""
    headers: Headers = {}
    """Headers: a text, or `{secret: NAME, prefix: …}`, which is filled in from `TANDEM_SECRET_NAME`."""
    labels: Labels = []
    """Labels that each ticket gets."""


class JiraTickets(_Tracker):
    """Issues of a project in Jira."""

    project: Annotated[str, Field(pattern=r"^[A-Za-z][A-Za-z0-9_]{0,50}$")]
    """The project's key, as in `OPS`."""
    url: Server
    """The address of Jira, before `/rest/api/2`."""
    type: Annotated[str, Field(min_length=1, max_length=100)] = "Task"
    """The type of the issue."""
    headers: Headers = {}
    """Headers: a text, or `{secret: NAME, prefix: …}`, which is filled in from `TANDEM_SECRET_NAME`."""
    labels: Labels = []
    """Labels that each ticket gets."""


class TicketsSection(_Tracker):
    """Where the ticket of an incident is opened, by a button: exactly one of these."""

    github: GitHubTickets | None = None
    """Issues of a repository on GitHub."""
    gitlab: GitLabTickets | None = None
    """Issues of a project on GitLab."""
    jira: JiraTickets | None = None
    """Issues of a project in Jira."""

    @model_validator(mode="after")
    def _one(self) -> Self:
        if sum(one is not None for one in (self.github, self.gitlab, self.jira)) != 1:
            raise ValueError("describe exactly one of github, gitlab and jira")
        return self
