"""What guards each runbook, for ``tandem check``."""

from collections.abc import Iterator

from bot.config import Config
from bot.domain.access.person import in_words
from bot.domain.guards.freeze import GuardRules
from bot.domain.runbook import Runbook


def guards_in_words(config: Config) -> Iterator[str]:
    """A line for each runbook; none where nothing but the default guards any."""
    if not config.guards.freeze and not any(runbook.limits for runbook in config.runbooks.values()):
        return
    for name, runbook in config.runbooks.items():
        yield f"guards of {name}: {'; '.join(_of(runbook, config.guards))}"


def _of(runbook: Runbook, rules: GuardRules) -> list[str]:
    most = "one run" if rules.per_target == 1 else f"{rules.per_target} runs"
    said = [f"{most} at a time on {runbook.when.service or 'a service'}"]
    said += runbook.limits.in_words() if runbook.limits else []
    for window in rules.freeze:
        breakers = ", ".join(map(in_words, window.break_glass)) or "nobody"
        said.append(f"frozen by {window.in_words()}, {breakers} may break the glass")
    return said
