"""What the steps of a run found stands in the message, beside what they did."""

from bot.domain.run import Phase, RunStatus, StepRecord, StepStatus
from tests.unit.notify.test_render import incident, plan_of, render, run, shown, view
from tests.unit.strategies import NOON


def test_each_step_of_a_run_says_what_it_found() -> None:
    made = run(plan_of("retrain", "compare", "promote"), status=RunStatus.RUNNING)
    said = ["the pipeline has ended\nf1: 0.91", "recent: better by 0.1\nthe challenger is better", "not yet: no word"]
    steps = tuple(
        StepRecord(
            run_id=made.id,
            phase=Phase.STEP,
            position=place,
            status=StepStatus.SUCCEEDED if place < 2 else StepStatus.STARTED,
            started_at=NOON,
            ended_at=NOON if place < 2 else None,
            output=output,
        )
        for place, output in enumerate(said)
    )
    text = shown(render(view(incident(), made, steps=steps)))
    assert "`retrain` succeeded\n      the pipeline has ended · f1: 0.91\n" in text
    assert "`compare` succeeded\n      recent: better by 0.1 · the challenger is better\n" in text
    assert "not yet" not in text
