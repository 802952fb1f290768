"""A proposal as a patch: a unified diff of tandem.yaml or of a file of Prometheus rules, to be reviewed and applied."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from difflib import unified_diff
from pathlib import Path
from typing import NamedTuple

import yaml

from bot.config.loaders import WordLoader
from bot.config.patches.editing import Edit, child, edited, rules_named, setting
from bot.domain.duration import format_duration, parse_duration
from bot.domain.noise import Noise, Setting

_MOST_BYTES = 4 * 2**20
_MOST_FILES = 1000


class Patch(NamedTuple):
    """``diff`` is empty where no file is known that holds the setting; ``how`` says then what to change by hand."""

    file: str
    diff: str
    how: str = ""


@dataclass(frozen=True)
class Patches:
    """``file`` is tandem.yaml, ``rules`` are files of Prometheus rules beside it. They are read at each request."""

    file: Path | None = None
    rules: Sequence[str] = ()

    def of(self, noise: Noise) -> Patch | None:
        """The patch of what is proposed for a kind of alerts; None where nothing is."""
        proposal = noise.proposal
        if proposal is None:
            return None
        if proposal.setting is Setting.ONE_FALSE_ALARM_IN:
            return self._of_watch(proposal.watch, proposal.times)
        return self._of_rule(noise, proposal.more, proposal.word)

    def _of_rule(self, noise: Noise, more: timedelta, word: str) -> Patch:
        for name, path in self._rule_files():
            text = _read(path)
            edits = [edit for rule in _rules(text, noise.name) if (edit := _longer(text, rule, more))]
            if edits:
                return Patch(name, _diff(name, text, edited(text, edits)))
        of = f"the rule {noise.name}" if word == "for" else f"the monitor behind {noise.name}"
        hint = "; with noise.rules in tandem.yaml this is a patch" if word == "for" else ""
        return Patch("", "", f"raise the time that {of} waits before it fires by {format_duration(more)}{hint}")

    def _of_watch(self, watch: str, times: float) -> Patch:
        how = f"double one_false_alarm_in of the watch {watch}"
        text = _read(self.file) if self.file else ""
        try:
            root = yaml.compose(text, Loader=WordLoader)
        except yaml.YAMLError:
            return Patch("", "", how)
        for section in ("metrics", "logs"):
            entry = child(child(child(root, section), "watch"), watch)
            if isinstance(entry, yaml.MappingNode):
                now = child(entry, "one_false_alarm_in")
                before = now.value if isinstance(now, yaml.ScalarNode) else "7d"
                edit = setting(text, entry, "one_false_alarm_in", _times(before, times))
                name = self.file.name if self.file else ""
                return Patch(name, _diff(name, text, edited(text, [edit]))) if edit else Patch("", "", how)
        return Patch("", "", how)

    def _rule_files(self) -> Iterator[tuple[str, Path]]:
        if self.file is None:
            return
        folder, count = self.file.parent, 0
        for pattern in self.rules:
            found = [Path(pattern)] if Path(pattern).is_absolute() else sorted(folder.glob(pattern))
            for path in found:
                count += 1
                if count > _MOST_FILES:
                    return
                yield path.relative_to(folder).as_posix() if path.is_relative_to(folder) else str(path), path


def _rules(text: str, alert: str) -> list[yaml.MappingNode]:
    try:
        return [rule for root in yaml.compose_all(text, Loader=WordLoader) for rule in rules_named(root, alert)]
    except yaml.YAMLError:
        return []


def _longer(text: str, rule: yaml.MappingNode, more: timedelta) -> Edit | None:
    now = child(rule, "for")
    try:
        before = parse_duration(now.value) if isinstance(now, yaml.ScalarNode) else timedelta(0)
    except ValueError:
        return None
    return setting(text, rule, "for", _written(before + more))


def _times(before: str, times: float) -> str:
    try:
        return _written(parse_duration(before) * times)
    except ValueError:
        return before


def _written(span: timedelta) -> str:
    """As both Prometheus and tandem.yaml read it, in the largest units."""
    left, words = round(span.total_seconds()), ""
    for unit, seconds in (("d", 86_400), ("h", 3600), ("m", 60), ("s", 1)):
        count, left = divmod(left, seconds)
        words += f"{count}{unit}" if count else ""
    return words or "0s"


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8") if path.stat().st_size <= _MOST_BYTES else ""
    except (OSError, ValueError):
        return ""


def _diff(name: str, before: str, after: str) -> str:
    lines = unified_diff(before.splitlines(keepends=True), after.splitlines(keepends=True), f"a/{name}", f"b/{name}")
    return "".join(line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n" for line in lines)
