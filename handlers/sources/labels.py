"""Labels from tags and fields, for tools that have no labels."""

from collections.abc import Iterable, Mapping

from handlers.sources.clean import clean_labels


def with_values(labels: Mapping[str, str | None]) -> dict[str, str]:
    """Those that say something, cleaned."""
    return clean_labels({name: value for name, value in labels.items() if name and value})


def from_tags(tags: Iterable[str]) -> dict[str, str]:
    """Tags such as ``service:cart`` or ``service=cart`` by name; a tag without a value is no label.

    >>> from_tags([" service:cart", "url:http://a:80", "team = blue", "urgent"])
    {'service': 'cart', 'url': 'http://a:80', 'team': 'blue'}
    """
    return dict(_name_and_value(tag) for tag in tags if ":" in tag or "=" in tag)


def _name_and_value(tag: str) -> tuple[str, str]:
    name, _, value = tag.partition(min((mark for mark in ":=" if mark in tag), key=tag.index))
    return name.strip(), value.strip()
