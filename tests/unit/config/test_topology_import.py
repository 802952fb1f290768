"""What tandem.yaml and the files that it imports say together; what is doubtful or wrong is told with its place."""

from pathlib import Path

import pytest

from bot.config import Config, load_config
from bot.config.topology.warnings import MOST
from bot.errors import ConfigError
from tests.unit.config.topology_folder import Folder


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    return Folder(tmp_path)


def test_a_model_depends_on_what_serves_it_on_what_it_depends_and_on_what_it_reads(folder: Folder) -> None:
    text = """
models:
  demand: {served_by: forecast-api, depends_on: [features], reads: [sales, weather]}
services: {forecast-api: {depends_on: [gpu-1]}, features: {}, sales: {}, weather: {}, gpu-1: {}}
"""
    found = folder.graph(text)
    assert found["demand"] == {"forecast-api", "features", "sales", "weather"}
    assert found["forecast-api"] == {"gpu-1"}


def test_a_dataset_that_is_described_nowhere_is_doubted_at_its_place(folder: Folder) -> None:
    text = "services: {sales: {}}\nmodels:\n  demand:\n    reads:\n    - sales\n    - weathr\n"
    [line] = folder.warnings(text)
    assert line == "tandem.yaml:7: models.demand.reads.1: 'weathr' is described nowhere; known are demand, sales"


def test_what_is_imported_and_what_is_written_here_are_one_topology(folder: Folder) -> None:
    found = folder.graph("services: {web: {depends_on: [api]}, api: {}}", csv_a=",web,db\nweb,0,1\n")
    assert found == {"web": {"api", "db"}, "api": set(), "db": set()}


def test_a_cycle_through_several_files_is_told_where_it_begins(folder: Folder) -> None:
    lines = folder.warnings("services: {web: {depends_on: [api]}}", csv_a=",api,db\napi,0,1\n", csv_b=",web\ndb,1\n")
    assert lines == ["tandem.yaml:2: services.web: depends on itself: web → api → db → web"]


def test_a_section_with_nothing_in_it_imports_nothing(folder: Folder) -> None:
    (folder.path / "tandem.yaml").write_text("topology:\n  import:\n")
    assert load_config(folder.path / "tandem.yaml") == (Config(), [])


@pytest.mark.parametrize("key", ["imprt", "imports"])
def test_an_unknown_key_of_the_section_names_the_right_one(folder: Folder, key: str) -> None:
    (folder.path / "tandem.yaml").write_text(f"topology:\n  {key}: []\n")
    with pytest.raises(ConfigError, match=f"2: topology.{key}: is no known key; did you mean 'import'?"):
        load_config(folder.path / "tandem.yaml")


def test_every_file_that_cannot_be_used_is_told_with_the_place_that_names_it(folder: Folder) -> None:
    (folder.path / "folder").mkdir()
    (folder.path / "bad.csv").write_bytes(b",a\na,\xff\n")
    (folder.path / "list.yaml").write_text("- a\n- b\n")
    (folder.path / "good.csv").write_text(",a\na,0\n")
    (folder.path / "wrong.csv").write_text(",a\na,x\n")
    names = ["none.csv", "folder", "bad.csv", "list.yaml", "good.csv", "wrong.csv"]
    text = "topology:\n  import:\n" + "".join(f"  - {name}\n" for name in names)
    (folder.path / "tandem.yaml").write_text(text)
    with pytest.raises(ConfigError) as refused:
        load_config(folder.path / "tandem.yaml")
    none, a_folder, bad, a_list, wrong = str(refused.value).splitlines()
    at = f"{folder.path}/tandem.yaml"
    assert none.startswith(f"{at}:3: topology.import.0: {folder.path}/none.csv: cannot be read: ")
    assert a_folder.startswith(f"{at}:4: topology.import.1: {folder.path}/folder: cannot be read: ")
    assert bad.startswith(f"{at}:5: topology.import.2: {folder.path}/bad.csv: cannot be read: 'utf-8'")
    assert a_list.startswith(f"{at}:6: topology.import.3: {folder.path}/list.yaml is none of the files that are")
    assert "an adjacency matrix (.csv), a Backstage catalog" in a_list
    assert wrong == f"{folder.path}/wrong.csv:2: in column 'a': 'x' is no number"


@pytest.mark.parametrize("name", ["\\0", "", "x" * 5000])
def test_a_name_that_no_file_can_have_is_an_error_at_its_line(folder: Folder, name: str) -> None:
    (folder.path / "tandem.yaml").write_text(f'topology: {{import: ["{name}"]}}')
    with pytest.raises(ConfigError, match=r"tandem.yaml:1: topology.import.0: .*cannot be read"):
        load_config(folder.path / "tandem.yaml")


def test_very_many_doubts_are_not_all_told_one_by_one(folder: Folder) -> None:
    names = ", ".join(f"nowhere-{i}" for i in range(MOST + 10))
    rings = "\n".join(f"  ring-{i}: {{depends_on: [ring-{i}]}}" for i in range(MOST + 10))
    lines = folder.warnings(f"services:\n  web: {{depends_on: [{names}]}}\n{rings}")
    assert len(lines) == 2 * MOST + 1
    assert f"'nowhere-{MOST}' and 9 names after it are described nowhere either" in lines[MOST]
