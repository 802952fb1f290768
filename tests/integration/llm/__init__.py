"""Applications of language models, and the lineage of data, from what comes in to the incident."""
