"""App Home: the page of a person in Slack. https://docs.slack.dev/surfaces/app-home"""
