"""What becomes of an offer before it is approved: it is proposed by hand, edited, held up, or its glass is broken."""
