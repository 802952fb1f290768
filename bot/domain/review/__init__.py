"""What is learnt from incidents afterwards."""
