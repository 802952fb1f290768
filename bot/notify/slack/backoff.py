"""How long to wait before Slack is asked again."""

from tenacity import RetryCallState, wait_random_exponential

from bot.notify.slack.channel import SlackFailure, SlackRefusal

_backoff = wait_random_exponential(multiplier=1, max=60)


def wait_for_slack(state: RetryCallState, refusal_wait: float) -> float:
    """Seconds: what Slack says, ``refusal_wait`` where a person must act first, or longer after each failure."""
    error = state.outcome.exception() if state.outcome else None
    if isinstance(error, SlackRefusal):
        return refusal_wait
    if isinstance(error, SlackFailure) and error.retry_after is not None:
        return error.retry_after
    return _backoff(state)
