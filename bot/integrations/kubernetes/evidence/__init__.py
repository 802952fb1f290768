"""Evidence for an incident: what the pods of its services, their events, logs and nodes say."""
