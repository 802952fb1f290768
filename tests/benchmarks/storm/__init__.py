"""The storm benchmark: faults that spread over an estate, the alerts that tell of them, and what becomes of these."""
