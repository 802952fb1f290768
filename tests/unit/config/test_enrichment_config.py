"""``enrich:``: tables from CSV files, and what is wrong with one told with file, line and key."""

from pathlib import Path

import pytest

from bot.config.load import load_config
from bot.errors import ConfigError

OWNERS = "service,team,tier,runbook_url\ncart,shop,1,https://wiki.example/cart\npayments,money,,\n"
ENRICH = "enrich:\n  - {csv: owners.csv, on: [service], add: [team, tier, runbook_url]}\n"
HTTP = """enrich:
  - {http: {url: "https://cmdb.example/{service}", fields: {team: owner.name}, ttl: 5m}, add: [team]}
"""
REGEX = "enrich: [{regex: {from: instance, pattern: '(?P<service>[a-z]+)-'}}]"


def load(tmp_path: Path, text: str = ENRICH, owners: str | bytes = OWNERS) -> object:
    (tmp_path / "owners.csv").write_bytes(owners if isinstance(owners, bytes) else owners.encode())
    (tmp_path / "tandem.yaml").write_text(text)
    config, _ = load_config(tmp_path / "tandem.yaml")
    return config


def problem(tmp_path: Path, text: str = ENRICH, owners: str | bytes = OWNERS) -> str:
    with pytest.raises(ConfigError) as raised:
        load(tmp_path, text, owners)
    return str(raised.value)


@pytest.mark.parametrize("text", [OWNERS, "\ufeff" + OWNERS, OWNERS.replace("\n", "\r\n"), OWNERS + "\n\n"])
def test_a_table_is_read_with_its_version(tmp_path: Path, text: str) -> None:
    [table] = load(tmp_path, owners=text).rules().enrichment.steps  # type: ignore[attr-defined]
    assert (table.name, table.rows[("cart",)]) == ("owners.csv", ("shop", "1", "https://wiki.example/cart"))
    again = load(tmp_path, owners=text + "mail,post,3,\n").rules().enrichment.steps  # type: ignore[attr-defined]
    assert table.version != again[0].version


@pytest.mark.parametrize(
    "text, owners, why",
    [
        (ENRICH.replace("owners.csv", "owner.csv"), OWNERS, "owner.csv cannot be read: No such file or directory"),
        (ENRICH.replace("[team,", "[teams,"), OWNERS, "owners.csv has no column teams"),
        (ENRICH.replace("on:", "by:"), OWNERS, "tandem.yaml:2: enrich.0.by: is no known key"),
        (ENRICH.replace("[service]", "[team]"), OWNERS, "team is looked up, so that it cannot be added, too"),
        (ENRICH.replace("[service]", "[]"), OWNERS, "enrich.0.on:"),
        (HTTP.replace("/{service}", ""), OWNERS, "tandem.yaml:2: enrich.0.http.url: no label stands in it"),
        (HTTP.replace("cmdb.example", "{service}.example"), OWNERS, "enrich.0.http.url: labels may stand in its path"),
        (HTTP.replace("ttl: 5m", "ttl: 5m, timeout: 9s"), OWNERS, "enrich.0.http.timeout: write 50ms to 5s"),
        (HTTP.replace("ttl", "tll"), OWNERS, "enrich.0.http.tll: is no known key; did you mean 'ttl'"),
        (HTTP.replace("owner.name", "owner."), OWNERS, "is no JMESPath expression"),
        (HTTP.replace("{team:", "{tem:"), OWNERS, "http.fields has tem, which is not in add"),
        (HTTP.replace(", add: [team]", ""), OWNERS, "tandem.yaml:2: enrich.0: add is missing"),
        (REGEX.replace("?P<service>", "?:"), OWNERS, "enrich.0.regex.pattern: '(?:[a-z]+)-' has no named group"),
        (REGEX.replace("service", "cluster"), OWNERS, "enrich.0.regex.pattern: cluster parts what may meet"),
        ("enrich: [{jmespath: {cluster: labels.x}}]", OWNERS, "enrich.0.jmespath: cluster parts what may meet"),
        ("enrich: [{csv: owners.csv, jmespath: {a: b}}]", OWNERS, "this one has csv and jmespath"),
        ("enrich: [{add: [team]}]", OWNERS, "this one has none"),
        ("correlation: {partition_by: [tier]}\n" + ENRICH, OWNERS, "tier parts what may meet"),
        (ENRICH, OWNERS + "cart,other,2,\n", "owners.csv:4: cart was in a line before"),
        (ENRICH, OWNERS + "mail,post\n", "owners.csv:4: 2 cells, and the first line has 4"),
        (ENRICH, b"service,team,tier,runbook_url\n\xff,a,b,c\n", "is no text in UTF-8"),
        (ENRICH, "", "has no column service"),
    ],
)
def test_what_is_wrong_with_a_table_is_told(tmp_path: Path, text: str, owners: str | bytes, why: str) -> None:
    assert why in problem(tmp_path, text, owners)
