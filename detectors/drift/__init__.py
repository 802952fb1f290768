"""Whether data is still like its reference: a batch by itself, a stream of batches for ever, and its form."""
