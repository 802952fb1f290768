"""A step does what its preview showed to those who approved it, or it fails.

Where an executor gives the previews of its steps a digest, the step is previewed once more just before it is performed,
and not performed if it would change something else by now. What it then says that it has changed is compared, too.
"""

from bot.domain.run import Phase, PlannedStep, Run
from bot.remediation.executors import Outcome, StepContext, execute, foresee
from bot.remediation.executors.answers import UNLIKE_ANY


def previewed_as(run: Run, phase: Phase, position: int) -> str:
    """The digest of the preview of a step that it was approved on; empty where nothing is compared.

    The approval is sealed, with the hash of the preview: another preview in its place is like none that can be made.
    """
    shown = next((one.preview for one in reversed(run.decisions) if one.verdict == "approve"), "")
    if phase is not Phase.STEP or not shown:
        return ""
    if run.preview is None or run.preview.hash != shown:
        return UNLIKE_ANY
    return run.preview.digest_of(position)


async def performed_as_previewed(step: PlannedStep, context: StepContext) -> Outcome:
    """Perform a step, where nothing has changed since its preview. What runs and differs from it has failed."""
    if not context.previewed:
        return await execute(step, context)
    now = await foresee(step, context)
    if now is None or not now.ok:
        said = now.output if now else "it cannot be previewed any more"
        return Outcome(False, f"{said}\nIts preview fails now: nothing was done.")
    if now.digest != context.previewed:
        return Outcome(
            False, f"{now.output}\nThis is not what its preview showed before the approval: nothing was done."
        )
    outcome = await execute(step, context)
    if outcome.ok and outcome.digest and outcome.digest != context.previewed:
        return Outcome(False, f"{outcome.output}\nIt did something else than its preview showed before the approval.")
    return outcome
