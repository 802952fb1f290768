"""What concerns people in Slack beside messages: their pages, and channels of incidents' own."""
