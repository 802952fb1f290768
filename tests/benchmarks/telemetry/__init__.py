"""A load of metrics, log lines and models' rows on ``tandem run``: see ``__main__``."""
