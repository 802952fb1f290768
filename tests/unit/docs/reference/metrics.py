"""docs/reference/metrics.md: the metrics that Tandem keeps of itself."""

from prometheus_client.metrics import MetricWrapperBase

from bot.observability import metrics
from tests.unit.docs.reference.writing import table

_HEAD = """# Metrics of Tandem itself

What `GET /metrics` answers, beside the process's own (`process_…`, `python_…`).
[Operate](../operations.md#watch-it) says which to look at.
"""


def metrics_page() -> str:
    """The page, one row a metric."""
    known = [one for one in vars(metrics).values() if isinstance(one, MetricWrapperBase)]
    rows = [_row(one) for one in sorted(known, key=lambda one: str(one._name))]
    return "\n".join([_HEAD, table(("metric", "type", "labels", "meaning"), rows), ""])


def _row(metric: MetricWrapperBase) -> tuple[str, str, str, str]:
    name = f"{metric._name}_total" if metric._type == "counter" else metric._name
    return (
        f"`{name}`",
        str(metric._type),
        ", ".join(f"`{label}`" for label in metric._labelnames),
        metric._documentation,
    )
