"""The watch over lineage: runs that fail, datasets that are not written, assertions that fail, versions kept."""
