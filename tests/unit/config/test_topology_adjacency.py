"""An adjacency matrix in CSV: read as it is meant, and what is wrong is told with its line."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.errors import ConfigError
from tests.unit.config.topology_folder import Folder


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    return Folder(tmp_path)


def test_a_row_depends_on_the_columns_with_a_number_above_nothing(folder: Folder) -> None:
    text = ",web,api,db\nweb,0,1,0.0\napi,-1,0,0.5\ndb,,0,0\n"
    assert folder.graph(csv_graph=text) == {"web": {"api"}, "api": {"db"}, "db": set()}


def test_a_matrix_need_not_be_square_and_may_be_quoted(folder: Folder) -> None:
    text = '\ufeff"","db, old",queue\r\n"web",1, 3\r\n\r\n'
    assert folder.graph(csv_graph=text) == {"web": {"db, old", "queue"}, "db, old": set(), "queue": set()}


def test_a_service_that_calls_itself_is_doubted_at_its_row(folder: Folder) -> None:
    assert folder.warnings(csv_graph=",web\nweb,1\n") == ["graph.csv:2: depends on itself: web → web"]


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("", "1: the first row must name the columns, after an empty cell"),
        ("a\nb\n", "1: the first row must name the columns, after an empty cell"),
        (",a,\na,0,0\n", "1: column 3 has no name"),
        (",a,b,a\n", "1: 'a' has two columns"),
        (",a\n,1\n", "2: the row has no name"),
        (",a\na,0\nb,1\na,1\n", "4: 'a' has a row already: "),
        (",a,b\na,0\n", "2: the row has 1 cells after its name, where 2 columns are named"),
        (",a,b\na,0,1,1\n", "2: the row has 3 cells after its name, where 2 columns are named"),
        (",a,b\na,0,yes\n", "2: in column 'b': 'yes' is no number"),
        (",a\na,nan\n", "2: in column 'a': 'nan' is no number"),
        (',a\n"a" x,0\n', "2: this is no valid CSV: "),
        (',"a\nb,0\n', "2: this is no valid CSV: "),
    ],
)
def test_what_is_wrong_in_a_matrix_is_told_with_its_line(folder: Folder, text: str, line: str) -> None:
    [found] = folder.refusal(csv_graph=text)
    assert found.startswith(f"graph.csv:{line}")


@given(st.text(st.sampled_from(',ab01x.-"\n\r\t é\x00\ufeff'), max_size=40))
def test_any_table_is_a_topology_or_an_error_with_its_line(tmp_path_factory: pytest.TempPathFactory, text: str) -> None:
    folder = Folder(tmp_path_factory.getbasetemp())
    try:
        folder.load(csv_any=text)
    except ConfigError as error:
        assert str(error).startswith(f"{folder.path}/any.csv:")
