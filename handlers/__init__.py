"""The endpoints: everything that comes in, and nothing that decides."""
