"""50,000 pods: listed by pages, of each only its workload and its node is kept."""

import resource

import pytest
from aiohttp import web

from bot.integrations.kubernetes.placing import MOST_NODES, places
from bot.kubernetes import Cluster
from tests.integration.kubernetes.api_server import ApiServer, Call
from tests.integration.kubernetes.things import pod

PODS = 50_000


def _page(call: Call) -> web.Response:
    begin, limit = int(call.query.get("continue", "0")), int(call.query["limit"])
    items = [
        pod(f"pod-{i:05}", service=f"service-{i % 500}", node=f"worker-{i % 41 if i % 500 == 7 else i % 5}")
        for i in range(begin, min(begin + limit, PODS))
    ]
    following = {"continue": str(begin + limit)} if begin + limit < PODS else {}
    return web.json_response({"metadata": {"resourceVersion": "1", **following}, "items": items})


async def test_where_50_000_pods_run_is_known_page_by_page_in_bounded_memory(
    server: ApiServer, cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server, "_list", lambda _kind, call, _part: _page(call))
    await cluster.close()
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    found = await places(cluster, ["shop"])
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
    assert len([call for call in server.calls if call.resource == "pods"]) == 100
    assert {call.query["limit"] for call in server.calls} == {"500"}
    assert grown < 200, "MB at the most, of both the server and the client; all pods at once are more than that"
    by_service: dict[str, set[str]] = {}
    for edge in found:
        by_service.setdefault(edge.service, set()).add(edge.other)
    assert by_service["service-3"] == {"worker-3"}
    assert "service-7" not in by_service, "it runs nearly everywhere, which tells nothing"
    assert all(len(nodes) <= MOST_NODES for nodes in by_service.values())
