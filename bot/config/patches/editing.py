"""Changes of single values in a YAML text, which leave every other character as it is."""

from collections.abc import Iterator

import yaml

Edit = tuple[int, int, str]
"""From and to where in the text, and what stands there instead."""


def edited(text: str, edits: list[Edit]) -> str:
    for start, end, instead in sorted(edits, reverse=True):
        text = text[:start] + instead + text[end:]
    return text


def child(node: yaml.Node | None, key: str) -> yaml.Node | None:
    """What stands under a key of a mapping."""
    if not isinstance(node, yaml.MappingNode):
        return None
    return next((value for name, value in node.value if isinstance(name, yaml.ScalarNode) and name.value == key), None)


def setting(text: str, mapping: yaml.MappingNode, key: str, value: str) -> Edit | None:
    """The edit that gives a key of a mapping a value; None where it has one that is no single word, or no place is
    found for one."""
    there = child(mapping, key)
    if there is not None:
        plain = isinstance(there, yaml.ScalarNode) and there.style not in ("|", ">")
        return (there.start_mark.index, there.end_mark.index, value) if plain else None
    if mapping.flow_style:
        inside = mapping.start_mark.index + 1
        return inside, inside, f"{key}: {value}" + (", " if mapping.value else "")
    if not mapping.value:
        return None
    first = mapping.value[0]
    indent = " " * first[0].start_mark.column
    end = text.find("\n", first[1].end_mark.index)
    if first[1].start_mark.line != first[0].start_mark.line or first[1].end_mark.line != first[0].start_mark.line:
        return None
    at = len(text) if end < 0 else end + 1
    return at, at, ("\n" if end < 0 else "") + f"{indent}{key}: {value}\n"


def rules_named(root: yaml.Node | None, alert: str) -> Iterator[yaml.MappingNode]:
    """The alerting rules of a name in a file of Prometheus rules, or in a PrometheusRule of Kubernetes."""
    groups = child(root, "groups") or child(child(root, "spec"), "groups")
    for group in groups.value if isinstance(groups, yaml.SequenceNode) else ():
        rules = child(group, "rules")
        for rule in rules.value if isinstance(rules, yaml.SequenceNode) else ():
            name = child(rule, "alert")
            if isinstance(rule, yaml.MappingNode) and isinstance(name, yaml.ScalarNode) and name.value == alert:
                yield rule
