"""One process and a cluster: what was seen there is in the API, and an approved run changes it."""

from pathlib import Path
from typing import Any

import aiohttp
import pytest

from bot.app import App
from bot.config import Environment, load_config
from bot.incidents.guarding import guards_of
from bot.integrations.kubernetes import following, watching
from bot.integrations.kubernetes.evidence import gathering
from bot.kubernetes import Cluster
from bot.kubernetes.resources import DEPLOYMENTS, PODS
from bot.remediation.approval import Terms, decide
from bot.services import utc_now
from bot.storage.queries import runs
from tests.acceptance.harness import alert, delivery, until
from tests.integration.kubernetes.api_server import ApiServer
from tests.integration.kubernetes.test_watch import shop

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)

TOKEN = "a-token-of-enough-length"
CONFIG = """
kubernetes: {context: test, namespaces: [shop], watch: true, evidence: true}
runbooks:
  restart:
    title: Restart checkout
    when: {service: checkout}
    steps:
      - kubernetes: {action: restart, object: "deployment/${service}", namespace: shop}
    verify: {alerts_resolved: true, within: 1m}
    approval: {approvers: ["U012AB3CD"]}
"""


class Api:
    def __init__(self, app: App, session: aiohttp.ClientSession) -> None:
        self.app, self.session = app, session

    async def get(self, path: str) -> Any:
        async with self.session.get(f"{self.app.url}{path}") as answer:
            assert answer.status == 200, await answer.text()
            return await answer.json()

    async def incident(self) -> Any:
        found = (await self.get("/api/incidents"))["incidents"]
        return await self.get(f"/api/incidents/{found[0]['id']}") if found else None


async def test_what_a_cluster_says_is_in_the_api_and_an_approved_run_restarts_the_workload(
    server: ApiServer, cluster: Cluster, database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(following, "_LEAST", 0.05)
    monkeypatch.setattr(watching, "_LOOK", 0.05)
    monkeypatch.setattr(gathering, "SETTLE", gathering.SETTLE * 0)
    shop(server)
    server.change(PODS, "shop", "checkout-7d9f8b6c5-x2x1z", lambda one: one["status"].update(conditions=[]))
    path = tmp_path / "tandem.yaml"
    path.write_text(CONFIG)
    config, _ = load_config(path)
    settings = {"TANDEM_DATABASE_URL": database_url, "TANDEM_SEAL_KEY": TOKEN, "TANDEM_WEBHOOK_TOKEN": TOKEN}
    headers = {"Authorization": f"Bearer {TOKEN}"}
    async with (
        App(Environment.model_validate(settings), config, port=0) as app,
        aiohttp.ClientSession(headers=headers) as session,
    ):
        api = Api(app, session)

        async def known() -> bool:
            services = {one["name"]: one["depends_on"] for one in (await api.get("/api/services"))["services"]}
            return {"payments", "worker-1"} <= set(services.get("checkout", []))

        await until(known, "the topology is in the API")
        body = delivery(alert(service="checkout", namespace="shop"))
        async with session.post(f"{app.url}/webhooks/alertmanager", json=body) as answer:
            assert answer.status == 202

        async def seen() -> bool:
            incident = await api.incident()
            texts = [line["text"] for line in incident["timeline"]] if incident else []
            return any("Seen in Kubernetes, checkout: 1 of 1 pods are not ready" in text for text in texts)

        await until(seen, "the evidence is in the timeline")
        [run] = (await api.incident())["runs"]
        terms = Terms(config.runbooks, guards_of(config.rules()))
        database = app._process.services.database
        async with database.read() as connection:
            offered = await runs.by_id(connection, run["id"])
        assert offered is not None
        await decide(database, terms, offered.id, offered.plan_hash, "U012AB3CD", "approve", utc_now())

        async def restarted() -> bool:
            template = server.get(DEPLOYMENTS, "shop", "checkout")["spec"]["template"]["metadata"]
            return bool(template.get("annotations", {}).get("tandem/run") == f"{offered.id}/step/0")

        await until(restarted, "the deployment is restarted by the run")

        async def told() -> bool:
            async with session.get(f"{app.url}/api/changes?service=checkout") as answer:
                found = (await answer.json())["changes"] if answer.status == 200 else []
            return any(one["title"] == "checkout: restarted (by Tandem)" for one in found)

        await until(told, "the restart is known as a change, of Tandem's own")
