"""What is seen in a cluster: topology, changes, and evidence for incidents."""
