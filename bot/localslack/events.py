"""The kinds of events that there are. https://docs.slack.dev/reference/events"""

EVENT_SCOPES = {
    "app_mention": "app_mentions:read",
    "message.im": "im:history",
    "reaction_added": "reactions:read",
    "app_home_opened": "",
}
"""Each with the scope that an app needs for it."""
