"""What people do to incidents: acknowledge, resolve, merge, split, and say that an alert is not useful."""
