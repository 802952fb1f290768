"""What people do to incidents: acknowledge, resolve, merge, split, and mark an alert as not useful."""
