"""The importers that are known. A new one is a new file in this folder, found by itself:

@importer("a spreadsheet", lambda file: file.path.suffix == ".ods")
def read(files: Sequence[ImportedFile]) -> Graph: ...
"""

import importlib
import pkgutil
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from bot.config.document import Document, Place, read_documents, read_text
from bot.config.model import Section
from bot.config.topology.graph import Graph
from bot.errors import ConfigError


class ImportedFile(NamedTuple):
    """``documents`` are those of a YAML file, and of a CSV file there are none."""

    path: Path
    text: str
    documents: list[Document]


Suits = Callable[[ImportedFile], bool]
Read = Callable[[Sequence[ImportedFile]], Graph]
"""All files that suit the importer to one graph, because they may speak of each other. Raises ConfigError."""


class Importer(NamedTuple):
    what: str
    suits: Suits
    read: Read


_known: list[Importer] = []


def importer(what: str, suits: Suits) -> Callable[[Read], Read]:
    """Register what reads files of a kind; ``what`` says to people which kind that is."""

    def register(read: Read) -> Read:
        _known.append(Importer(what, suits, read))
        return read

    return register


@cache
def all_importers() -> list[Importer]:
    package = importlib.import_module("bot.config.topology")
    for module in pkgutil.iter_modules(package.__path__, "bot.config.topology."):
        importlib.import_module(module.name)
    return _known


def import_files(named: Mapping[str, Path]) -> Graph:
    """The graph that files say together; they are given by the places that name them.

    Raises ConfigError with a line for each file that cannot be read.
    """
    graph, problems = Graph(), []
    files = []
    for where, path in named.items():
        try:
            files.append(_open(where, path))
        except ConfigError as error:
            problems.append(str(error))
    for one in all_importers():
        try:
            graph.add(one.read([file for file in files if one.suits(file)]))
        except ConfigError as error:
            problems.append(str(error))
    if problems:
        raise ConfigError("\n".join(problems))
    return graph


def _open(where: str, path: Path) -> ImportedFile:
    try:
        text = read_text(path).removeprefix("\ufeff")
    except ConfigError as error:
        raise ConfigError(f"{where}: {error}") from error
    file = ImportedFile(path, text, [] if path.suffix == ".csv" else read_documents(path, text))
    if not any(one.suits(file) for one in all_importers()):
        kinds = ", ".join(one.what for one in all_importers())
        raise ConfigError(f"{where}: {path} is none of the files that are understood: {kinds}")
    return file


class Foreign(Section):
    """A part of another tool's document, of which we read what we need."""

    model_config = ConfigDict(extra="ignore")


_Model = TypeVar("_Model", bound=BaseModel)


def read_as(model: type[_Model], value: Any, document: Document, place: Place = ()) -> _Model:
    """A value of a document as a model. Raises ConfigError with the place of each problem."""
    try:
        return model.model_validate(value)
    except ValidationError as error:
        lines = [f"{document.where((*place, *problem['loc']))}: {problem['msg']}" for problem in error.errors()]
        raise ConfigError("\n".join(lines)) from error
