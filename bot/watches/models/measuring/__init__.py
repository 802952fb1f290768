"""What checks measure, to be shown: columns beside their reference, and figures for the history."""
