"""The watch over metrics: each series against its own past, members against their peers."""
