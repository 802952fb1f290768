"""An API server in trouble, a lying dry run, somebody else's changes: a step takes effect once, or says why not."""

from collections.abc import Callable
from typing import Any

import pytest
from aiohttp import web

from bot.kubernetes import Cluster
from bot.kubernetes.resources import (
    DEPLOYMENTS,
)
from tests.integration.kubernetes.answers import failure
from tests.integration.kubernetes.api_server import ApiServer, Call, Thing
from tests.integration.kubernetes.doing import do
from tests.integration.kubernetes.things import (
    deployment,
)


def _once(answer: Callable[[], web.Response], verb: str = "patch", *, dry: bool = False) -> Callable[[Call], Any]:
    return lambda call: answer() if call.verb == verb and call.dry is dry else None


async def test_somebody_elses_change_in_between_is_not_overwritten(server: ApiServer, cluster: Cluster) -> None:
    server.add(DEPLOYMENTS, deployment())

    def meddle(call: Call) -> None:
        if call.verb == "patch" and not call.dry:
            server.faults.clear()
            server.change(DEPLOYMENTS, "shop", "checkout", lambda one: one["spec"].update(minReadySeconds=7))

    server.faults.append(meddle)
    done = await do(cluster, "scale", replicas=4)
    assert done.ok, done.output
    spec = server.get(DEPLOYMENTS, "shop", "checkout")["spec"]
    assert (spec["replicas"], spec["minReadySeconds"]) == (4, 7)
    assert len([call for call in server.writes()]) == 2, "refused once with 409, then decided anew"


@pytest.mark.parametrize("code", [429, 500, 503])
async def test_a_server_in_trouble_is_asked_again_and_the_step_takes_effect_once(
    server: ApiServer, cluster: Cluster, code: int
) -> None:
    server.add(DEPLOYMENTS, deployment())
    server.faults.append(_once(lambda: failure(code, "TooManyRequests", "busy", **{"Retry-After": "0"})))
    assert (await do(cluster, "restart")).ok
    assert server.get(DEPLOYMENTS, "shop", "checkout")["metadata"]["generation"] == 2


async def test_an_answer_that_was_lost_is_not_done_again(server: ApiServer, cluster: Cluster) -> None:
    server.add(DEPLOYMENTS, deployment())

    def lost(call: Call) -> web.Response | None:
        if call.verb != "patch" or call.dry:
            return None
        server._patch(DEPLOYMENTS, call, "")
        return failure(500, "InternalError", "the answer was lost", **{"Retry-After": "0"})

    server.faults.append(lost)
    done = await do(cluster, "restart")
    assert done.ok and "nothing is done twice" in done.output
    assert server.get(DEPLOYMENTS, "shop", "checkout")["metadata"]["generation"] == 2


async def test_a_right_that_is_missing_is_named_with_its_verb(server: ApiServer, cluster: Cluster) -> None:
    server.add(DEPLOYMENTS, deployment())
    server.forbidden.add(("patch", "deployments"))
    refused = await do(cluster, "restart")
    assert not refused.ok
    assert "the role lacks the verb 'patch' on deployments.apps in namespace shop" in refused.output


async def test_a_dry_run_that_does_not_show_what_is_changed_fails_the_step(server: ApiServer, cluster: Cluster) -> None:
    server.add(DEPLOYMENTS, deployment())
    server.mutate = lambda thing: thing["spec"].update(paused=True)
    outcome = await do(cluster, "scale", replicas=4)
    assert not outcome.ok
    assert "what was changed is not what the dry run showed: spec.paused" in outcome.output


async def test_a_rollout_that_makes_no_progress_fails_the_step(server: ApiServer, cluster: Cluster) -> None:
    def stuck(thing: Thing) -> None:
        stalled = {
            "type": "Progressing",
            "status": "False",
            "reason": "ProgressDeadlineExceeded",
            "message": "timed out",
        }
        thing["status"] = {"observedGeneration": thing["metadata"]["generation"], "conditions": [stalled]}

    server.controllers[:] = [stuck]
    server.add(DEPLOYMENTS, deployment())
    outcome = await do(cluster, "restart")
    assert not outcome.ok and "it makes no progress: timed out" in outcome.output


async def test_a_rollout_that_takes_too_long_fails_the_step_and_says_how_far_it_came(
    server: ApiServer, cluster: Cluster
) -> None:
    server.controllers.clear()
    server.add(DEPLOYMENTS, deployment())
    outcome = await do(cluster, "restart", timeout="200ms")
    assert not outcome.ok and "its controller has not seen the change yet" in outcome.output


async def test_a_server_that_hangs_is_given_up_when_the_steps_time_is_over(server: ApiServer, cluster: Cluster) -> None:
    server.add(DEPLOYMENTS, deployment())
    server.hanging.add("deployments")
    outcome = await do(cluster, "restart", timeout="300ms")
    assert not outcome.ok and "did not answer within 0.3 s" in outcome.output
    assert not server.writes()
