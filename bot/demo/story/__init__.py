"""The story of ``tandem demo``: who takes part, its chapters, and how it is told."""
