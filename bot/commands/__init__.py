"""One file a command of ``tandem``, found by itself. A command imports what it needs in its function."""
