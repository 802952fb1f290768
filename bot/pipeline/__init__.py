"""From inbox to incident: one stage a file, in the order in which data meets them; the worker drives them."""
