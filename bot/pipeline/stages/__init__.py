"""The stages: one file each, all with the signature ``(batch, connection) -> None``."""
