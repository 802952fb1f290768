"""What an offer would change, found out before anybody approves it, and without changing anything."""

import hashlib
from datetime import datetime

import msgspec


class StepPreview(msgspec.Struct, frozen=True):
    """What one step would change, or why that is not known.

    ``possible``: its executor can preview it; ``ok``: the preview says that it would work. ``digest`` stands for what
    would change, where what is changed later can be compared with it.
    """

    position: int
    possible: bool
    ok: bool
    output: str
    digest: str = ""


class Preview(msgspec.Struct, frozen=True):
    """The previews of the steps of a plan, as things were at a moment."""

    at: datetime
    steps: list[StepPreview]

    @property
    def ok(self) -> bool:
        """Whether no step is expected to fail, as far as steps can be previewed."""
        return all(step.ok for step in self.steps if step.possible)

    @property
    def hash(self) -> str:
        """The same for previews that show the same, whenever they were made."""
        return hashlib.sha256(msgspec.json.encode(self.steps)).hexdigest()[:16]

    def digest_of(self, position: int) -> str:
        """What a step has to find and do again, empty where nothing is compared."""
        return next((step.digest for step in self.steps if step.position == position), "")
