"""How YAML's plain words are read: by the core schema of YAML 1.2, so that what looks like a word is one.

PyYAML follows YAML 1.1, where ``on``, ``off``, ``yes`` and ``no`` are true or false, ``1:30`` is 90, ``22:00`` is 1320
and ``010`` is 8. Here they are texts, and a field that wants a number, a time or a yes makes one of them. Numbers that
begin with a zero stay as they are written, too: ``08`` is a text where one is wanted, and 8 where a number is.

https://yaml.org/spec/1.2.2/#103-core-schema
"""

import re
from typing import Any

import yaml

_CORE = {
    "null": (r"~|null|Null|NULL|", ["~", "n", "N", ""]),
    "bool": (r"true|True|TRUE|false|False|FALSE", list("tTfF")),
    "int": (r"[-+]?(?:0|[1-9][0-9]*)|0o[0-7]+|0x[0-9a-fA-F]+", list("-+0123456789")),
    "float": (
        r"[-+]?(?:\.[0-9]+|(?:0|[1-9][0-9]*)\.[0-9]*|(?:0|[1-9][0-9]*)(?=[eE]))(?:[eE][-+]?[0-9]+)?"
        r"|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)",
        list("-+.0123456789"),
    ),
    "merge": (r"<<", ["<"]),  # of YAML 1.1, and used beside anchors
}


class _Words:
    """Reads plain words by the core schema, keys as texts; says where something stands that is not what it claims."""

    def construct_object(self, node: yaml.Node, deep: bool = False) -> Any:
        try:
            built = super().construct_object(node, deep)  # type: ignore[misc]
            if isinstance(built, str):
                built.encode()  # "\ud800" is half a character, which nothing can store or send
            return built
        except (ValueError, AttributeError, LookupError) as error:
            kind = node.tag.rpartition(":")[2]
            raise yaml.constructor.ConstructorError(None, None, f"no {kind}: {error}", node.start_mark) from error

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> Any:
        """A key is a name, whatever it looks like."""
        self.flatten_mapping(node)  # type: ignore[attr-defined]
        for key, _ in node.value:
            if isinstance(key, yaml.ScalarNode) and not key.tag.endswith(":merge"):
                key.tag = "tag:yaml.org,2002:str"
        return super().construct_mapping(node, deep)  # type: ignore[misc]


class Loader(_Words, yaml.SafeLoader):
    """For what people write: its words about what is wrong are the clearer ones."""


class QuickLoader(_Words, getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]
    """For what programs write, which may be long."""


class WordLoader(_Words, yaml.SafeLoader):
    """Every plain word is a text; only what an anchor repeats is merged."""


_KINDS = {Loader: list(_CORE), QuickLoader: list(_CORE), WordLoader: ["merge"]}

for _loader, _kinds in _KINDS.items():
    _loader.yaml_implicit_resolvers = {}
    for _kind in _kinds:
        _pattern, _first = _CORE[_kind]
        _loader.add_implicit_resolver(f"tag:yaml.org,2002:{_kind}", re.compile(f"(?:{_pattern})$"), _first)
