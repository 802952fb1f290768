"""``tandem topology`` as somebody types it, over files of other tools and a database that alerts have taught."""

from pathlib import Path

import pytest

from tests.acceptance.harness import Tandem, alert, running, until
from tests.acceptance.operate.test_cli import tandem

CONFIG = """
topology: {import: [shop/graph.csv, shop/catalog.yaml]}
services:
  web: {depends_on: [cart, serach]}
"""
CATALOG = """
apiVersion: backstage.io/v1alpha1
kind: Component
metadata: {name: cart}
spec: {dependsOn: [resource:redis]}
---
apiVersion: backstage.io/v1alpha1
kind: Resource
metadata: {name: redis}
"""


@pytest.fixture
def config(tmp_path: Path) -> Path:
    (tmp_path / "shop").mkdir()
    (tmp_path / "shop" / "graph.csv").write_text(",search,web\nsearch,0,1\n")
    (tmp_path / "shop" / "catalog.yaml").write_text(CATALOG)
    path = tmp_path / "tandem.yaml"
    path.write_text(CONFIG)
    return path


async def test_the_topology_of_all_files_is_printed_with_what_is_doubtful_and_where(config: Path) -> None:
    ended = await tandem("topology", "--config", config)
    assert (ended.code, ended.err) == (0, "")
    assert ended.out.splitlines() == [
        "search",
        "└── web",
        "    ├── cart",
        "    │   └── redis",
        "    └── serach",
        "5 nodes (1 services and 0 models in tandem.yaml), 4 edges, 1 warnings",
        f"warning: {config}:4: services.web.depends_on.1: 'serach' is described nowhere; did you mean 'search'?",
    ]


async def test_check_and_run_refuse_a_broken_import_with_its_file_and_line(config: Path) -> None:
    (config.parent / "shop" / "graph.csv").write_text(",search\nsearch,maybe\n")
    for command in ("topology", "check", "run"):
        ended = await tandem(command, "--config", config)
        assert (ended.code, ended.out) == (2, "")
        assert ended.err == f"{config.parent}/shop/graph.csv:2: in column 'search': 'maybe' is no number\n"


async def test_what_alerts_have_taught_is_printed_beside_it(tmp_path: Path) -> None:
    async with running(tmp_path, {"services": {"checkout": {}}}) as bot:
        assert await bot.deliver(alert(service="checkout", instance="db-1:9100", cluster="eu")) == 202
        await _opened(bot)
        ended = await tandem(
            "topology", "--learnt", "--config", tmp_path / "tandem.yaml", TANDEM_DATABASE_URL=bot.database_url
        )
    assert (ended.code, ended.err) == (0, "")
    [row] = [line for line in ended.out.splitlines() if "db-1" in line]
    assert row.split("│")[1:4] == [" checkout ", " db-1       ", " eu     "]


async def _opened(bot: Tandem) -> None:
    async def opened() -> bool:
        return len(await bot.incidents()) == 1

    await until(opened, "the incident is open")


async def test_without_a_database_nothing_was_learnt_and_none_is_made(config: Path) -> None:
    file = config.parent / "none" / "tandem.db"
    ended = await tandem("topology", "--learnt", "--config", config, TANDEM_DATABASE_URL=f"sqlite:///{file}")
    assert ended.code == 2
    assert ended.err == f"{file}: there is no database yet: tandem run makes it\n"
    assert not file.parent.exists()
