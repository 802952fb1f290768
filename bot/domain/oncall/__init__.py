"""Who is on call, and whom to call next while nobody acknowledges: rules without I/O and without a clock."""
