"""YAML documents that remember on which line each of their values stands."""

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml

from bot.config.loaders import Loader, QuickLoader, WordLoader
from bot.errors import ConfigError

Place = tuple[int | str, ...]
_Child = tuple[int, yaml.Node]


class Document:
    """The values of a YAML document, and their lines."""

    def __init__(self, path: Path, root: yaml.Node | None, text: str = "") -> None:
        self.path = path
        self.text = text
        self._root = root
        self._children: dict[int, dict[int | str, _Child]] = {}
        self.value: Any = _construct(root) if root else {}

    def scalars(self) -> Iterator[tuple[Place, yaml.ScalarNode]]:
        """Every value that is neither a list nor a mapping, and its place; what an anchor repeats only once."""
        waiting: list[tuple[Place, yaml.Node]] = [((), self._root)] if self._root else []
        seen: set[int] = set()
        while waiting:
            place, node = waiting.pop()
            if isinstance(node, yaml.ScalarNode):
                yield place, node
            elif isinstance(node, yaml.CollectionNode) and id(node) not in seen:
                seen.add(id(node))
                below = _children(node).items()
                waiting += reversed([((*place, part), child) for part, (_, child) in below])

    def line_of(self, place: Sequence[int | str]) -> int:
        """The line of the deepest part of ``place`` that is there."""
        node, line = self._root, 1
        for part in place:
            found = self._child(node, part)
            if found is None:
                break
            line, node = found
        return line

    def _child(self, node: yaml.Node | None, part: int | str) -> _Child | None:
        """The line and the node under a key or an index; of a mapping with thousands of keys it is asked for each."""
        if not isinstance(node, yaml.CollectionNode):
            return None
        if id(node) not in self._children:
            self._children[id(node)] = _children(node)
        return self._children[id(node)].get(str(part) if isinstance(node, yaml.MappingNode) else part)

    def where(self, place: Sequence[int | str]) -> str:
        """A place as people find it: the file, the line and the key."""
        words = (str(part) for part in place)
        dotted = ".".join(word if word.isprintable() else repr(word) for word in words) or "the file"
        return f"{self.path}:{self.line_of(place)}: {dotted}"


def read_document(path: Path) -> Document:
    """Raises ConfigError where the file cannot be read, is no YAML, or says something twice."""
    text = read_text(path)
    with _clear_errors(path, text):
        return Document(path, _compose(path, text), text)


def read_documents(path: Path, text: str) -> list[Document]:
    """The documents of a file that was not written for us. Raises ConfigError where it is no YAML."""
    with _clear_errors(path, text):
        return [Document(path, root) for root in yaml.compose_all(text, Loader=QuickLoader)]


def read_words(path: Path) -> Document:
    """A file of another program that reads its plain words by rules of its own: all of them are texts here.

    Raises ConfigError where it is no YAML, or no mapping.
    """
    text = read_text(path)
    with _clear_errors(path, text):
        root = yaml.compose(text, Loader=WordLoader)
        if not isinstance(root, yaml.MappingNode):
            raise ConfigError(f"{path}:1: the file must be a mapping of sections")
        return Document(path, root, text)


def read_text(path: Path) -> str:
    """Raises ConfigError where the file cannot be read."""
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, ValueError) as error:
        raise ConfigError(f"{path}: cannot be read: {error}") from error


@contextmanager
def _clear_errors(path: Path, text: str) -> Iterator[None]:
    try:
        yield
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = mark.line + 1 if mark else 1
        raise ConfigError(
            f"{path}:{line}: this is no valid YAML: {error.problem or error.context}{_eaten(text, error)}"
        ) from error
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, int(error.position)) + 1
        raise ConfigError(f"{path}:{line}: this is no valid YAML: {error.reason}") from error
    except RecursionError as error:
        raise ConfigError(f"{path}:1: this is no valid YAML: it is nested too deep, or within itself") from error


def _eaten(text: str, error: yaml.MarkedYAMLError) -> str:
    """Where a comment has eaten the end of a list or a mapping, that is why the document cannot be read."""
    mark = error.problem_mark or error.context_mark
    for line in reversed(text.splitlines()[: mark.line + 1 if mark else 1]):
        if found := re.search(r"[:,\[{]\s+(#[^\s#\]},\"']+)[^\"']*[\]}]", line):
            return f'; {found[1]} begins a comment there: write it with quotes, as in "{found[1]}"'
    return ""


def _compose(path: Path, text: str) -> yaml.Node | None:
    root = yaml.compose(text, Loader=Loader)
    if root is None or root.tag == "tag:yaml.org,2002:null":
        return None
    if not isinstance(root, yaml.MappingNode):
        raise ConfigError(f"{path}:{root.start_mark.line + 1}: the file must be a mapping of sections")
    _refuse_duplicates(path, root)
    return root


def _refuse_duplicates(path: Path, node: yaml.Node) -> None:
    if isinstance(node, yaml.MappingNode):
        seen: dict[str, int] = {}
        for key, value in node.value:
            line = key.start_mark.line + 1
            if not isinstance(key, yaml.ScalarNode):
                raise ConfigError(f"{path}:{line}: a key must be a word, not a list or a mapping")
            if key.value in seen:
                raise ConfigError(f"{path}:{line}: {key.value}: is given twice, first on line {seen[key.value]}")
            seen[key.value] = line
            _refuse_duplicates(path, value)
    elif isinstance(node, yaml.SequenceNode):
        for item in node.value:
            _refuse_duplicates(path, item)


def _construct(root: yaml.Node) -> Any:
    loader = Loader("")
    try:
        return loader.construct_document(root)
    finally:
        loader.dispose()


def _children(node: yaml.CollectionNode) -> dict[int | str, _Child]:
    """Each with its line; of a key that stands twice, which programs may write, the first one."""
    if isinstance(node, yaml.MappingNode):
        return {key.value: (key.start_mark.line + 1, value) for key, value in reversed(node.value)}
    return {place: (item.start_mark.line + 1, item) for place, item in enumerate(node.value)}
