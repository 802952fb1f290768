"""The query of a request to the API: what it may ask for, and nothing else."""

from collections.abc import Collection

from aiohttp import web

from bot.config.nearest import nearest


def problem_of_query(request: web.Request, known: Collection[str]) -> str | None:
    """What is wrong with the names of the parameters: one is unknown, or is given more than once."""
    for name in request.query:
        if name not in known:
            taken = nearest(name, known) if known else "; this endpoint takes none"
            return f"{name[:100]!r} is no known parameter{taken}"
        if len(request.query.getall(name)) > 1:
            return f"{name} is given more than once"
    return None
