"""A YAML document that remembers on which line each of its values stands."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml

from bot.errors import ConfigError

Place = tuple[int | str, ...]


class Document:
    """The values of a YAML file, and their lines."""

    def __init__(self, path: Path, text: str) -> None:
        self.path = path
        self._root = _compose(path, text)
        self.value: Any = _construct(self._root) if self._root else {}

    def line_of(self, place: Sequence[int | str]) -> int:
        """The line of the deepest part of ``place`` that is there."""
        node, line = self._root, 1
        for part in place:
            found = _child(node, part)
            if found is None:
                break
            line, node = found
        return line

    def where(self, place: Sequence[int | str]) -> str:
        return f"{self.path}:{self.line_of(place)}"


def read_document(path: Path) -> Document:
    """Raises ConfigError where the file cannot be read, is no YAML, or says something twice."""
    try:
        return Document(path, path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: cannot be read: {error}") from error


def _compose(path: Path, text: str) -> yaml.Node | None:
    try:
        root = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = mark.line + 1 if mark else 1
        raise ConfigError(f"{path}:{line}: this is no valid YAML: {error.problem or error.context}") from error
    except (yaml.YAMLError, RecursionError) as error:
        raise ConfigError(f"{path}: this is no valid YAML: {error}") from error
    if root is not None:
        if not isinstance(root, yaml.MappingNode):
            raise ConfigError(f"{path}:{root.start_mark.line + 1}: the file must be a mapping of sections")
        _refuse_duplicates(path, root)
    return root


def _refuse_duplicates(path: Path, node: yaml.Node) -> None:
    if isinstance(node, yaml.MappingNode):
        seen: dict[str, int] = {}
        for key, value in node.value:
            line = key.start_mark.line + 1
            if key.value in seen and isinstance(key, yaml.ScalarNode):
                raise ConfigError(f"{path}:{line}: {key.value}: is given twice, first on line {seen[key.value]}")
            if isinstance(key, yaml.ScalarNode):
                seen[key.value] = line
            _refuse_duplicates(path, value)
    elif isinstance(node, yaml.SequenceNode):
        for item in node.value:
            _refuse_duplicates(path, item)


def _construct(root: yaml.Node) -> Any:
    loader = yaml.SafeLoader("")
    try:
        return loader.construct_document(root)
    finally:
        loader.dispose()


def _child(node: yaml.Node | None, part: int | str) -> tuple[int, yaml.Node] | None:
    """The line and the node under a key or an index."""
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            if key.value == str(part):
                return key.start_mark.line + 1, value
    if isinstance(node, yaml.SequenceNode) and isinstance(part, int) and part < len(node.value):
        item = node.value[part]
        return item.start_mark.line + 1, item
    return None
