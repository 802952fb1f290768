"""The lineage of data: runs of jobs, the datasets that they read and write, and versions of these."""
