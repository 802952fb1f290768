"""Charts of what runs were to mend, for the threads of their incidents."""
