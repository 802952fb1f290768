"""What every endpoint shares: reading a body, who may send, the fast path, errors as problem+json."""
