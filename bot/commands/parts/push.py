"""``tandem model push``: a file of rows to a running Tandem, in parts.

What a part is refused for is looked for by halves, so that the rows beside those that cannot be taken are taken. Each
part has a key made of what it holds and of the file's age: after a failure the same command goes on where it stopped.
"""

import hashlib
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple, Self

import msgspec

from bot.client import ApiError, Invalid, Tandem
from bot.client.frames import Sent
from bot.client.requests import Request, address
from bot.commands.parts.pieces import Piece, Refused, pieces_of, whole
from bot.errors import ConfigError, TandemError

_MOST_REFUSED = 20
"""So many rows are named one by one; what else is refused is named by the part that it came in."""

_ITSELF = " in row 0 (counted from 0)"


class Push(NamedTuple):
    """What is sent. ``about`` tells two states of a file apart."""

    model: str
    file: Path
    kind: str
    version: str | None
    params: dict[str, str]
    rows: int

    @classmethod
    def of(
        cls, model: str, file: Path, *, reference: str | None, labels: bool, params: Sequence[str], rows: int
    ) -> Self:
        """Raises ConfigError for what makes no sense."""
        if reference is not None and labels:
            raise ConfigError("--reference and --labels: a file holds one of both")
        if file.exists() and not file.is_file():
            raise ConfigError(f"{file}: this is no file of rows")
        if not file.is_file():
            raise ConfigError(f"{file}: there is no such file")
        if bad := [param for param in params if "=" not in param]:
            raise ConfigError(f"--param {bad[0]}: NAME=VALUE is expected")
        kind = "labels" if labels else "reference" if reference is not None else "predictions"
        return cls(model, file, kind, reference, dict(param.split("=", 1) for param in params), rows)


class Pushed(msgspec.Struct):
    """What became of the rows; ``stopped`` says why nothing behind them was sent."""

    kind: str
    model: str
    accepted: int = 0
    refused: list[Refused] = []
    notes: dict[str, str] = {}
    stopped: str = ""

    @property
    def in_words(self) -> str:
        """
        >>> Pushed("labels", "fraud", 2000, [Refused(3, 4, "no id")]).in_words
        '2,000 rows of labels accepted for fraud, 2 refused'
        """
        what = "a reference" if self.kind == "reference" else self.kind
        return f"{self.accepted:,} rows of {what} accepted for {self.model}, {self.rows_refused:,} refused"

    @property
    def rows_refused(self) -> int:
        return sum(one.rows for one in self.refused)


def push_file(push: Push, url: str) -> Pushed:
    """Send the file. Raises TandemError where nothing of it can be sent, ConfigError without a token."""
    token = os.environ.get("TANDEM_WEBHOOK_TOKEN")
    if not token:
        raise ConfigError("TANDEM_WEBHOOK_TOKEN is not set: it is the token that senders show")
    pushed = Pushed(push.kind, push.model)
    with Tandem(url, token, timeout=120.0) as tandem:
        try:
            for piece in _pieces(push, pushed):
                _send(tandem, push, piece, pushed)
        except ApiError as error:
            _give_up(pushed, error, url)
    return pushed


def _pieces(push: Push, pushed: Pushed) -> Iterator[Piece]:
    """Raises TandemError."""
    if push.kind == "reference":
        return iter([whole(push.file, pushed.refused)])
    return pieces_of(push.file, push.rows, pushed.refused)


def _send(tandem: Tandem, push: Push, piece: Piece, pushed: Pushed) -> None:
    """Send a part, or what of it is taken. Raises ApiError where no other part would fare better."""
    try:
        answer = tandem.send(_request(push, piece))
    except Invalid as error:
        if push.kind != "reference" and error.status == 400 and not error.detail.startswith("The body "):
            raise  # no row is at fault: a parameter, for example
        named = sum(one.first == one.last for one in pushed.refused)
        if piece.rows == 1 or push.kind == "reference" or named >= _MOST_REFUSED:
            why = error.detail.removesuffix(_ITSELF) if piece.rows == 1 else error.detail
            pushed.refused.append(Refused(piece.first, piece.last, why))
            return
        for half in piece.halves():
            _send(tandem, push, half, pushed)
        return
    pushed.accepted += piece.rows
    if push.kind != "reference":
        pushed.notes |= msgspec.json.decode(answer.content, type=Sent).notes


def _request(push: Push, piece: Piece) -> Request:
    content_type, body = piece.body()
    headers = {"Content-Type": content_type}
    if push.version is not None:
        path = address("models", push.model, "references", push.version)
        return Request("PUT", path, push.params, body, headers)
    age = str(push.file.stat().st_mtime_ns)
    key = hashlib.blake2b(body, digest_size=20, key=age.encode()).hexdigest()
    return Request(
        "POST", address("models", push.model, push.kind), push.params, body, headers | {"Idempotency-Key": key}
    )


def _give_up(pushed: Pushed, error: ApiError, url: str) -> None:
    """Raises TandemError where nothing was sent."""
    why = error.detail or str(error)
    if not pushed.accepted:
        raise TandemError(f"{url} took nothing: {why}") from error
    pushed.stopped = f"{url} took no more: {why}. The same command sends the rest; what was taken counts once."
