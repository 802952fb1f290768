"""What forbids a run, and until when: freeze windows, limits of a runbook, the reach of what it acts on."""
