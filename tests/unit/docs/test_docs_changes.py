"""What docs/changes.md tells people to paste is what the doors take."""

import json
import re
from pathlib import Path

import msgspec
import pytest
import yaml

from bot.domain.event import ChangeEvent, ChangeKind
from handlers.http.endpoint import parse_delivery
from handlers.sources.registry import all_sources
from handlers.webhooks.changes import argocd
from tests.unit.strategies import NOON

DOCUMENT = Path(__file__).parents[3] / "docs" / "changes.md"
TEXT = DOCUMENT.read_text()


def _blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", TEXT, re.DOTALL)


def test_the_example_of_our_own_schema_is_taken_with_every_field() -> None:
    [example] = _blocks("json")
    [change] = parse_delivery("changes", example.encode(), NOON)
    assert isinstance(change, ChangeEvent)
    said = json.loads(example)
    assert (change.service, change.title, change.id) == (said["service"], said["title"], said["id"])
    assert (change.actor, change.version, change.link) == (said["actor"], said["version"], said["link"])
    assert change.labels == said["labels"]


def test_the_change_of_the_command_line_is_taken() -> None:
    [body] = re.findall(r"-d '(.*?)'", TEXT)
    [change] = parse_delivery("changes", body.encode(), NOON)
    assert isinstance(change, ChangeEvent)
    assert change.change is ChangeKind.MODEL


@pytest.mark.parametrize("kind", ChangeKind)
def test_every_kind_of_change_is_told(kind: ChangeKind) -> None:
    assert f"`{kind.value}`" in TEXT


def test_argo_cds_template_fills_every_field_that_we_read_and_no_other() -> None:
    [manifest] = _blocks("yaml")
    data = yaml.safe_load(manifest)["data"]
    body = yaml.safe_load(data["template.tandem"])["webhook"]["tandem"]["body"]
    filled = json.loads(re.sub(r"\{\{.*?\}\}", json.dumps("2026-03-01T12:00:00Z"), body, flags=re.DOTALL))
    assert filled.keys() == {field.name for field in msgspec.structs.fields(argocd.Sync)}
    [change] = parse_delivery("argocd", json.dumps(filled | {"phase": "Running"}).encode(), NOON)
    assert isinstance(change, ChangeEvent)
    assert change.at == NOON


def test_argo_cds_triggers_and_subscriptions_name_what_is_there() -> None:
    [manifest] = _blocks("yaml")
    data = yaml.safe_load(manifest)["data"]
    [subscription] = yaml.safe_load(data["subscriptions"])
    phases = " ".join(condition["when"] for condition in yaml.safe_load(data["trigger.tandem"]))
    assert subscription == {"recipients": ["tandem"], "triggers": ["tandem"]}
    assert re.findall(r"'(\w+)'", phases) == list(argocd.BEGUN)
    assert yaml.safe_load(data["service.webhook.tandem"])["url"].endswith("/webhooks/argocd")


@pytest.mark.parametrize("name", ["github", "gitlab"])
def test_the_secret_of_every_sender_that_signs_is_named(name: str) -> None:
    assert f"`{all_sources()[name].secret_variable}`" in TEXT
