"""Who calls whom, from the metrics that traces are turned into.

The OpenTelemetry collector and Grafana Tempo write the same ones, with the labels ``client`` and ``server``:
https://github.com/open-telemetry/opentelemetry-collector-contrib/tree/main/connector/servicegraphconnector
https://grafana.com/docs/tempo/latest/metrics-from-traces/service_graphs/
"""

from collections.abc import Iterator, Mapping

from bot.domain.event import SamplesEvent, Series, bounded

_REQUESTS = ("traces_service_graph_request_total", "traces_service_graph_request")
"""Exporters may put a namespace before the name, and drop what the type says."""
_GRAPH = "traces_service_graph_request"
_NOBODY = frozenset({"", "unknown"})


def calls_in(event: SamplesEvent) -> Iterator[tuple[str, str]]:
    """A service and another that it calls, for every pair that has a request counted.

    Left out is who is only thought to be there: a user in front of the first service, a peer without a name.
    """
    for series in event.series:
        if series.labels.get("__name__", "").endswith(_REQUESTS) and _counted(series):
            client, server = series.labels.get("client", ""), series.labels.get("server", "")
            if client != server and not _NOBODY & {client, server} and not _is_user(series.labels):
                yield bounded(client), bounded(server)


def served_by(labels: Mapping[str, str]) -> str:
    """The service that a metric of calls is about, which its own labels call ``server``; empty for any other metric.

    >>> served_by({"__name__": "traces_service_graph_request_server_seconds_sum", "client": "web", "server": "api"})
    'api'
    """
    return labels.get("server", "") if _GRAPH in labels.get("__name__", "") else ""


def _counted(series: Series) -> bool:
    return any(value > 0 for value in series.values)


def _is_user(labels: Mapping[str, str]) -> bool:
    """A node that nobody instrumented is virtual; one that only calls is called ``user``."""
    return labels.get("client") == "user" and labels.get("connection_type") == "virtual_node"
