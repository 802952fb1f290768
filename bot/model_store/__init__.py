"""Data of models: predictions, labels, references, and the Parquet files that hold them."""
