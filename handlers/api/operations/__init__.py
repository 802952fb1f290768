"""One file for each thing that the API knows: how it is read and changed."""
