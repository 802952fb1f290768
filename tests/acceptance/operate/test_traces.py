"""One alert's whole way as one trace: from its sender over door, inbox, pipeline and Slack to the steps of a run."""

from pathlib import Path

from opentelemetry.proto.trace.v1.trace_pb2 import Span

from tests.acceptance.harness import CHANNEL, ON_CALL, alert, delivery, runbook, running, until
from tests.integration.handlers.otlp_receiver import Receiver, receiving

SENDER_TRACE, SENDER_SPAN = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
TRACEPARENT = f"00-{SENDER_TRACE}-{SENDER_SPAN}-01"
CONFIG = {"runbooks": {"restart": runbook("true", verify={"alerts_resolved": False, "within": "5s"})}}


def _variables(receiver: Receiver) -> dict[str, str]:
    return {"OTEL_EXPORTER_OTLP_ENDPOINT": receiver.url, "OTEL_BSP_SCHEDULE_DELAY": "200"}


async def _traced(receiver: Receiver, name: str, trace: str = SENDER_TRACE, seconds: float = 10) -> Span:
    """The last span of that name in a trace, once there is one."""

    def found() -> list[Span]:
        return [span for span in receiver.of_trace(trace) if span.name == name]

    async def there() -> bool:
        return bool(found())

    try:
        await until(there, f"the trace has a span {name}", seconds)
    except AssertionError as error:
        raise AssertionError(f"{error}; there are {sorted({span.name for span in receiver.spans})}") from error
    return found()[-1]


def _about(span: Span) -> dict[str, object]:
    return {a.key: getattr(a.value, a.value.WhichOneof("value") or "string_value") for a in span.attributes}


async def test_an_alert_is_one_trace_from_its_sender_to_slack_and_to_the_step_that_was_approved(tmp_path: Path) -> None:
    async with (
        receiving() as receiver,
        running(tmp_path, CONFIG, environment=_variables(receiver)) as tandem,
    ):
        status, _ = await tandem.post("/webhooks/alertmanager", delivery(alert()), traceparent=TRACEPARENT)
        assert status == 202
        door = await _traced(receiver, "POST /webhooks/alertmanager")
        assert door.parent_span_id.hex() == SENDER_SPAN
        assert door.kind == Span.SPAN_KIND_SERVER
        assert _about(door)["http.response.status_code"] == 202
        committed = await _traced(receiver, "inbox.append")
        assert committed.parent_span_id == door.span_id
        update = await _traced(receiver, "incident.update")
        assert update.parent_span_id == door.span_id
        assert _about(update)["tandem.incident"] == 1
        [batch] = receiver.named("pipeline.batch")
        assert batch.span_id in {link.span_id for link in update.links}
        assert door.span_id in {link.span_id for link in batch.links}
        message = await _traced(receiver, "slack.message")
        assert message.parent_span_id == update.span_id
        call = await _traced(receiver, "slack chat.postMessage")
        assert call.parent_span_id == message.span_id
        assert call.kind == Span.SPAN_KIND_CLIENT

        offer = await tandem.message("run.approve")
        await tandem.slack.click(ON_CALL, CHANNEL, offer["ts"], "run.approve")
        for name in ("run.begin", "run.step", "run.verify", "run.finish"):
            span = await _traced(receiver, name, seconds=15)
            assert span.parent_span_id == update.span_id
        assert receiver.services == {"tandem"}
        ordered = [door, committed, update, message, call, await _traced(receiver, "run.step")]
        assert all(span.start_time_unix_nano <= span.end_time_unix_nano for span in ordered)
        assert "acceptance-token" not in str(receiver.spans)


async def test_an_alert_whose_sender_traces_nothing_begins_a_trace(tmp_path: Path) -> None:
    async with receiving() as receiver, running(tmp_path, {}, environment=_variables(receiver)) as tandem:
        await tandem.deliver(alert())
        await tandem.message("HighLatency")

        async def traced() -> bool:
            return bool(receiver.named("slack.message"))

        await until(traced, "Slack's message is traced")
        [door] = receiver.named("POST /webhooks/alertmanager")
        assert not door.parent_span_id
        trace = door.trace_id.hex()
        assert {span.name for span in receiver.of_trace(trace)} >= {"inbox.append", "incident.update", "slack.message"}
        assert not [span for span in receiver.spans if "healthz" in span.name], "nobody reads of probes"


async def test_a_collector_that_is_away_costs_no_alert_and_no_time_at_the_end(tmp_path: Path) -> None:
    variables = {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:9", "OTEL_BSP_SCHEDULE_DELAY": "200"}
    async with running(tmp_path, {}, environment=variables) as tandem:
        assert await tandem.deliver(alert()) == 202
        await tandem.message("HighLatency")
        assert await tandem.stop() == 0
