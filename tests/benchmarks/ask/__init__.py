"""What reads cost beside the intake, and how soon a question is answered."""
