"""What alerts of Kubernetes and of exporters are about, by an empty configuration, and which incidents they become.

``kube-prometheus/alerts.json`` holds alerts with their labels, what each is ``about`` (null: nothing), its ``fault``
and how many ``minutes_ago`` it began. All are delivered at once, as to a bot that is just connected, in one group for
the whole cluster.
"""

import asyncio
import json
import tempfile
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

from bot.domain.alert import identity_of
from bot.domain.event import AlertEvent, AlertStatus, fingerprint_of
from bot.domain.naming.forms import bare_host, is_ip
from bot.domain.rules import CorrelationRules, Rules
from tests.benchmarks.command import parser_for, report, require
from tests.benchmarks.storm.alerts import BEGIN, Sent
from tests.benchmarks.storm.pipeline import Result, run
from tests.benchmarks.storm.score import compare

GROUP = '{}:{cluster="benchmark"}'


def main() -> None:
    options = parser_for(__doc__ or "").parse_args()
    alerts = json.loads((require(require(options.data) / "kube-prometheus") / "alerts.json").read_text("utf-8"))
    found = [CorrelationRules().about(alert["labels"], frozenset()) for alert in alerts]
    for alert, about in zip(alerts, found, strict=True):
        right = "right" if about.service == (alert["about"] or "") else f"WRONG, not {alert['about']}"
        print(f"{alert['labels']['alertname']}: {about.service or 'nothing'} ({about.why}): {right}")
    if options.out:
        options.out.mkdir(parents=True, exist_ok=True)
        lines = (json.dumps({"labels": a["labels"], **b._asdict()}) for a, b in zip(alerts, found, strict=True))
        (options.out / "named.jsonl").write_text("\n".join(lines), "utf-8")
    named = sum(about.service == (alert["about"] or "") for alert, about in zip(alerts, found, strict=True))
    report({"named": named, "alerts": len(alerts), **asyncio.run(_incidents(alerts))})


async def _incidents(alerts: Sequence[dict[str, Any]]) -> dict[str, Any]:
    sent = [
        Sent(str(n), alert["fault"], 0.0, _event(alert["labels"], alert["minutes_ago"]))
        for n, alert in enumerate(alerts)
    ]
    with tempfile.TemporaryDirectory(prefix="tandem-naming-") as folder:
        result = await run(Path(folder), sent, Rules())
    homes = {one.alert: result.home.get(identity_of("", one.event)) for one in sent}
    placed = [one for one in sent if homes[one.alert]]
    likeness = compare([one.truth for one in placed], [homes[one.alert] or "" for one in placed])
    return {
        "incidents": len(set(homes.values()) - {None}),
        "homogeneity": likeness.homogeneity,
        "completeness": likeness.completeness,
        "addresses_as_causes": _addresses(result),
    }


def _event(labels: dict[str, str], minutes_ago: float) -> AlertEvent:
    begins = BEGIN - timedelta(minutes=minutes_ago)
    return AlertEvent("alertmanager", fingerprint_of(labels), AlertStatus.FIRING, labels, begins, group=GROUP)


def _addresses(result: Result) -> int:
    causes = (cause for causes in result.causes.values() for cause in causes)
    return sum(is_ip(bare_host(cause.service)) for cause in causes)


if __name__ == "__main__":
    main()
