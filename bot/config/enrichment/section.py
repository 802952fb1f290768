"""One entry of ``enrich:``."""

from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

Label = Annotated[str, Field(pattern=r"^[a-zA-Z_][a-zA-Z0-9_]*$", max_length=200)]


class EnrichSection(BaseModel):
    """Labels that are added to every alert that comes in, from a table."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    csv: Annotated[str, Field(min_length=1)]
    """A CSV file whose first line names the columns, relative to tandem.yaml. It is read at the start."""
    on: Annotated[list[Label], Field(min_length=1, max_length=10)]
    """The columns that are looked up by labels of the alert; `service` is what the alert is about."""
    add: Annotated[list[Label], Field(min_length=1, max_length=50)]
    """The columns that become labels, where the alert has no such label of its own."""

    @model_validator(mode="after")
    def _adds_what_it_does_not_look_up(self) -> Self:
        if both := sorted({*self.on} & {*self.add}):
            raise ValueError(f"{both[0]} is looked up, so that it cannot be added, too")
        return self
