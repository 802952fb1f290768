"""The endpoints for predictions, labels and reference data."""

from collections.abc import Callable
from datetime import datetime

from aiohttp import web

from bot.domain.rules import Rules
from bot.inbox.intake import Intake
from bot.model_store.frames import Frames
from bot.storage.database import Database
from handlers.models.access import Access

_AT = "/models/{model}/references"


def add_model_routes(
    app: web.Application,
    intake: Intake,
    database: Database,
    frames: Frames,
    token: str | None,
    clock: Callable[[], datetime],
    rules: Rules,
) -> None:
    """The endpoints of the models that tandem.yaml names; where it names none, each answers that."""
    if rules.models:
        from handlers.models.endpoint import add_routes  # brings pyarrow

        add_routes(app, intake, database, frames, token, clock, rules)
        return
    nobody = Access(token, ()).guarded(_nobody)
    app.router.add_route("*", "/models/{model}/predictions", nobody)
    app.router.add_route("*", "/models/{model}/labels", nobody)
    app.router.add_route("*", _AT, nobody)
    app.router.add_route("*", _AT + "/{version}", nobody)
    app.router.add_route("*", _AT + "/{version}/importance", nobody)
    app.router.add_route("*", _AT + "/{version}/pin", nobody)
    app.router.add_route("*", _AT + "/{version}/diff/{other}", nobody)


async def _nobody(_request: web.Request) -> web.Response:
    """Whoever is let in names a model that is not there."""
    raise AssertionError
