"""“Stop” on what Tandem announced or runs by itself."""

from bot.remediation.autonomy.stopping import stop as stop_run
from handlers.slack.calls import Click
from handlers.slack.registry import action


@action("run.stop")
async def stop(click: Click) -> str:
    run = await stop_run(click.database, click.value, click.who, click.now)
    return f"You stopped “{run.plan.title}”. Tandem runs it by itself no more until people have approved it anew."
