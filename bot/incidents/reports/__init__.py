"""The report of an incident, for the review afterwards and a wiki."""
