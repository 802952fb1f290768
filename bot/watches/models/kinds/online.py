"""The online detectors of alibi-detect, which look at each row as it comes: what may be given for them."""

from enum import StrEnum
from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from bot.domain.watched.monitor import MonitorRules

_DETECTOR = "{}DriftOnline"
_LEAST_RUN, _MOST_RUN, _MOST_RUN_TOGETHER = 100, 5_000, 500


class OnlineMethod(StrEnum):
    CVM = "cvm"
    FET = "fet"
    MMD = "mmd"
    LSDD = "lsdd"

    @property
    def together(self) -> bool:
        """Whether it looks at all columns together; then it needs TensorFlow or PyTorch."""
        return self in (OnlineMethod.MMD, OnlineMethod.LSDD)

    @property
    def detector(self) -> str:
        """What alibi-detect calls it."""
        return _DETECTOR.format(self.upper())


class OnlineRules(BaseModel):
    """The rows of a window are given to a detector one by one; it goes on with the next window."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    method: OnlineMethod
    """`cvm` (columns of numbers) or `fet` (columns of two values) for drift; `mmd` or `lsdd` for multivariate."""
    expected_run: int = Field(default=500, ge=_LEAST_RUN, le=_MOST_RUN)
    """After so many rows a false alarm is to be expected; at most 5000, and 500 for `mmd` and `lsdd`."""
    windows: list[Annotated[int, Field(ge=5, le=200)]] = Field(default=[50], min_length=1, max_length=5)
    """The last so many rows are compared with the reference; `mmd` and `lsdd` take one."""

    @model_validator(mode="after")
    def _fits_its_method(self) -> Self:
        if self.method.together and len(self.windows) > 1:
            raise ValueError(f"method: {self.method} takes one of windows, and here are {len(self.windows)}")
        if self.method.together and self.expected_run > _MOST_RUN_TOGETHER:
            raise ValueError(f"expected_run is at most {_MOST_RUN_TOGETHER} for method: {self.method}")
        return self


class OnlineMonitorRules(MonitorRules):
    """A monitor that an online detector can make."""

    online: OnlineRules | None = None
    """With `engine: alibi`: one of its online detectors, `{method: cvm, expected_run: 500, windows: [50]}`."""


def check_online(rules: OnlineMonitorRules, *, together: bool) -> None:
    """Raises ValueError where ``online`` does not fit the rest of the monitor."""
    online = rules.online
    if online is None:
        return
    able = [str(one) for one in OnlineMethod if one.together is together]
    if rules.engine != "alibi":
        raise ValueError("online is for engine: alibi")
    if online.method.together is not together:
        raise ValueError(f"online: method: {online.method} is not for kind {rules.kind}: take {' or '.join(able)}")
    if "alpha" in rules.model_fields_set:
        raise ValueError("alpha is of checks, and an online detector looks at each row: leave it out, for expected_run")
