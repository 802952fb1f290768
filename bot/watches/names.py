"""Under which names the watches keep what they learnt: known without what they are made of."""

METRICS, FORECAST, LOGS = "metrics", "forecast", "logs"
