"""One file a kind of event of Slack's: what follows from it. https://docs.slack.dev/apis/events-api"""
