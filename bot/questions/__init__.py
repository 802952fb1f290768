"""Questions about incidents in free words, answered from what is stored: no language model, nothing invented."""
