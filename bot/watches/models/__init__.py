"""The watch over models: data quality, drift and performance against a reference."""
