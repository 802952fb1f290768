"""From an approval to a verified fix: planning, policy, the durable workflow, executors."""
