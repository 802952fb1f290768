"""How long to wait before a channel is tried again."""

from tenacity import RetryCallState, wait_random_exponential

from bot.notify.channel import ChannelFailure, ChannelRefusal
from bot.notify.rate_limits import EARLY


def is_worth_a_line(attempt: int) -> bool:
    """Whether a failed attempt belongs in the log: the first, tenth, hundredth … of an outage.

    >>> [attempt for attempt in range(1, 2000) if is_worth_a_line(attempt)]
    [1, 10, 100, 1000]
    """
    return str(attempt).rstrip("0") == "1"


_backoff = wait_random_exponential(multiplier=1, max=60)


def wait_for_channel(state: RetryCallState, refusal_wait: float) -> float:
    """Seconds: what the channel asks for, ``refusal_wait`` where a person must act first, or longer each time."""
    error = state.outcome.exception() if state.outcome else None
    if isinstance(error, ChannelRefusal):
        return refusal_wait
    if isinstance(error, ChannelFailure) and error.retry_after is not None:
        first = state.attempt_number == 1
        return min(error.retry_after, EARLY) if first else error.retry_after
    return _backoff(state)
