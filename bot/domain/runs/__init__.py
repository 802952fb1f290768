"""What belongs to runs beside the run itself: how they are verified."""
