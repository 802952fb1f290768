"""Labels, columns and domains that nothing can ever have are refused: what waits for them would wait in vain."""

from pathlib import Path

import pytest

from bot.config import load_config
from bot.errors import ConfigError

PULL = "models:\n  m:\n    pull: {sql: select 1, from: W, cursor: ts, every: 1h, labels: {%s}}\n"
MODEL = "models:\n  m:\n    ignore: [row]\n    monitors:\n    - %s\n"
WATCH = "  watch:\n    w:\n      match: ['%s']\n"
PARTS = "correlation: {partition_by: [cluster, env]}\n"
TOKEN = "api:\n  tokens:\n  - {name: ci, secret: CI, scopes: ['incidents:read'], domains: ['%s']}\n"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "tandem.yaml"


@pytest.mark.parametrize(
    ("text", "line", "why"),
    [
        (PULL % "clutser: eu-1", "3: models.m.pull.0.labels.clutser", "did you mean 'cluster'?"),
        (PARTS + PULL % "cluster: eu-1, team: shop", "4: models.m.pull.0.labels.team", "known are cluster, env"),
        ("correlation: {partition_by: []}\n" + PULL % "cluster: eu-1", "4: models.m.pull.0.labels.cluster", "alone"),
        (
            MODEL % "{kind: fairness, column: row, metric: demographic_parity, at_most: 0.1}",
            "5: models.m.monitors.0",
            "row is ignored",
        ),
        (
            MODEL % "{kind: performance, metric: accuracy, slices: [row]}",
            "5: models.m.monitors.0.slices",
            "row is ignored",
        ),
        (MODEL % "{kind: performance, metric: ndcg, group: row}", "5: models.m.monitors.0.group", "row is ignored"),
        ("models:\n  m:\n    ignore: [row]\n    importance: {row: 1}\n", "4: models.m.importance.row", "ignored"),
        (PARTS + TOKEN % "eu-1", "4: api.tokens.0.domains.0", "it has 2 parts, as in cluster/env"),
        ("correlation: {partition_by: []}\n" + TOKEN % "eu-1", "4: api.tokens.0.domains.0", "partition_by is empty"),
        ("logs:\n" + WATCH % "__name__=~x.*", "4: logs.watch.w.match", "lines of logs have no __name__"),
        (
            "metrics:\n" + WATCH % "__name__=used" + "      forecast: {limit: {metric: size, on: [host, __name__]}}\n",
            "5: metrics.watch.w.forecast.limit.on",
            "the limit is the series size",
        ),
    ],
)
def test_what_can_never_be_is_refused_with_its_place(path: Path, text: str, line: str, why: str) -> None:
    path.write_text(text)
    with pytest.raises(ConfigError) as refused:
        load_config(path)
    [found] = str(refused.value).splitlines()
    assert found.startswith(f"{path}:{line}") and why in found


@pytest.mark.parametrize(
    "text",
    [
        PULL % "cluster: eu-1",
        PARTS + PULL % "env: live",
        PARTS + TOKEN % "eu-1/live",
        TOKEN % "a/b",
        MODEL % "{kind: performance, metric: accuracy, slices: [country], explain: auto}",
        "logs:\n" + WATCH % "__name__!=x",
        "metrics:\n" + WATCH % "__name__=used" + "      forecast: {limit: {metric: size, on: [host]}}\n",
    ],
)
def test_what_can_be_is_taken(path: Path, text: str) -> None:
    path.write_text(text)
    load_config(path)
