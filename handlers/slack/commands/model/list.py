"""``/model list``"""

from bot.model_store import references
from bot.notify.slack.text import literal
from handlers.slack.calls import Call
from handlers.slack.models import last_seen, reference_in_words, states_of, unchecked, watch_of
from handlers.slack.registry import MODEL, command

_LISTED = 20


@command("list", slash=MODEL, help="the models that are watched", place=1)
async def list_models(call: Call) -> str:
    watch = watch_of(call)
    lines = []
    for name in sorted(watch.models)[:_LISTED]:
        async with call.database.read() as connection:
            reference = await references.current(connection, name, call.now)
            overview = await watch.overview_of(connection, name)
        firing = list(dict.fromkeys(state.monitor for state in states_of(watch, name, overview) if state.fires))
        blind = unchecked(watch, name, overview)
        how = f"🔴 {literal(', '.join(firing), 200)}" if firing else "⚪ nothing fires" if blind else "🟢 nothing fires"
        how += f", not checked: {literal(', '.join(blind), 200)}" if blind else ""
        seen = last_seen(overview, call.now)
        lines.append(f"• *{literal(name, 100)}* {how} · {reference_in_words(reference)} · {seen}")
    more = [f"… and {len(watch.models) - _LISTED} more"] if len(watch.models) > _LISTED else []
    return "\n".join([*lines, *more])
