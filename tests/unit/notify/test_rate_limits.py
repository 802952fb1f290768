"""What a limit of Slack closes: posts for one channel, any other kind of call for all channels of the workspace."""

from bot.notify.channel import RateLimited
from bot.notify.rate_limits import RateLimits


def test_only_posts_are_limited_by_channel() -> None:
    now = 0.0
    workspace = RateLimits(lambda: now)
    shop, pay = RateLimits(lambda: now, workspace), RateLimits(lambda: now, workspace)
    shop.note(RateLimited("slow down", 10, "post"))
    assert [shop.closed("post"), pay.closed("post"), bool(pay)] == [True, False, False]
    shop.note(RateLimited("slow down", 10, "update"))
    assert [shop.closed("update"), pay.closed("update"), bool(pay)] == [True, True, True]
    now = 10.0
    pay.passed()
    assert [bool(shop), pay.closed("update")] == [False, False]
