"""What models said and what was true: rows, columns, references, and the Parquet files that hold them."""
