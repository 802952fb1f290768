"""Changes as known changes of regime, for what is watched."""
