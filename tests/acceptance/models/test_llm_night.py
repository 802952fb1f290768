"""An LLM application's night: a prompt's alias moves in MLflow, the scores fall, and the rollback is proven by them."""

import asyncio
import random
from pathlib import Path
from typing import Any

import pytest
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor

from tests.acceptance.harness import CHANNEL, ON_CALL, Tandem, running, until
from tests.acceptance.mlflow_server import MlflowServer, mlflow_server
from tests.acceptance.model_tools import SECRET, python_of
from tests.acceptance.wire import AUTHENTIC

PROMPT, APPLICATION = "answer", "assistant"
RESOURCE = Resource({"service.name": APPLICATION})
needs_mlflow = pytest.mark.skipif(not python_of("mlflow"), reason="TANDEM_MLFLOW_PYTHON names no Python with mlflow")


def _answer(url: str, version: str, mean: float, calls: int = 60) -> None:
    """So many calls by OpenTelemetry's SDK, each with an evaluation of its answer."""
    tracing = TracerProvider(resource=RESOURCE)
    tracing.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(url, headers=AUTHENTIC)))
    tracer, chance = tracing.get_tracer("app"), random.Random(7)
    prompt = {"gen_ai.prompt.name": PROMPT, "gen_ai.prompt.version": version}
    call = {"gen_ai.operation.name": "chat", "gen_ai.provider.name": "openai", "gen_ai.request.model": "gpt-4o"}
    for _ in range(calls):
        with tracer.start_as_current_span("chat gpt-4o", attributes={**call, **prompt}) as span:
            score = min(max(chance.gauss(mean, 0.05), 0.0), 1.0)
            result: dict[str, Any] = {"gen_ai.evaluation.name": "relevance", "gen_ai.evaluation.score.value": score}
            span.add_event("gen_ai.evaluation.result", result)
    assert tracing.force_flush()
    tracing.shutdown()


async def _answers(tandem: Tandem, version: str, mean: float, calls: int = 60) -> None:
    await asyncio.to_thread(_answer, f"{tandem.url}/v1/traces", version, mean, calls)


async def _points_to(mlflow: MlflowServer, version: str) -> None:
    await mlflow.call("registered-models/alias", name=PROMPT, alias="production", version=version)


@needs_mlflow
async def test_a_prompt_that_lowers_the_scores_is_named_rolled_back_and_the_scores_prove_it(tmp_path: Path) -> None:
    async with mlflow_server(tmp_path) as mlflow:
        await mlflow.register_prompt(PROMPT, 2)
        step = {"mlflow": {"url": mlflow.url, "prompt": PROMPT, "alias": "production", "before": "${cause.version}"}}
        book = {
            "title": "Roll back the prompt",
            "when": {"service": PROMPT, "cause": "model"},
            "steps": [step],
            "verify": {"alerts_resolved": True, "within": "60s"},
            "approval": {"approvers": [ON_CALL]},
        }
        config = {"runbooks": {"rollback": book}}
        async with running(tmp_path, config, environment={"TANDEM_MLFLOW_SECRET": SECRET}) as tandem:
            await mlflow.tell(f"{tandem.url}/webhooks/mlflow", "PROMPT_ALIAS")
            await _points_to(mlflow, "1")
            await _answers(tandem, "1", 0.85, calls=200)
            await _points_to(mlflow, "2")
            await until(lambda: _has_change(tandem, "2"), "the change of the alias is known", 60)
            await _answers(tandem, "2", 0.5)
            message = await tandem.message(
                "relevance fell to 0.5", f"production of {PROMPT} is now version 2", "run.approve"
            )
            [incident] = await tandem.incidents()
            assert (incident["causes"][0]["service"], incident["causes"][0]["kind"]) == (PROMPT, "model")
            await tandem.slack.click(ON_CALL, CHANNEL, message["ts"], "run.approve")
            await tandem.message("verifying", absent="run.approve")
            assert await mlflow.named_by(PROMPT, "production") == "1"
            await _answers(tandem, "1", 0.85)
            await tandem.message("Verified: the alerts have resolved")
            [incident] = await tandem.incidents()
            assert incident["status"] == "resolved"


async def _has_change(tandem: Tandem, version: str) -> bool:
    _, found = await tandem.get(f"/api/changes?service={PROMPT}")
    return any(one["version"] == version for one in found["changes"])
