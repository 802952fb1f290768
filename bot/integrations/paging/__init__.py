"""Other systems that an escalation calls, and tells when what they were called for was acknowledged or resolved."""
