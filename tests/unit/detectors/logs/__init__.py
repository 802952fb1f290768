"""What names the statement that wrote a log line."""
