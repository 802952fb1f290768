"""What ``tandem doctor`` checks, a subject a file."""
