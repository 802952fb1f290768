"""``noise`` of tandem.yaml: where settings stand that would spare people messages."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field


class NoiseSection(BaseModel):
    """Files that patches are made for, beside tandem.yaml itself."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    rules: Annotated[list[Annotated[str, Field(min_length=1)]], Field(max_length=200)] = []
    """Files of Prometheus rules, relative to tandem.yaml, also as patterns (`rules/*.yaml`): a proposal to raise the
    `for` of a rule then comes as a patch of its file. They are only read."""
