"""How a dataset is stored: the watch over lineage writes it, and the search for causes reads it."""

import msgspec

from bot.domain.event import fingerprint_of
from bot.domain.lineage.observed import Dataset

WATCH = "lineage"
DATASET = "dataset:"
encode_dataset = msgspec.msgpack.Encoder().encode
decode_dataset = msgspec.msgpack.Decoder(Dataset).decode


def piece(kind: str, domain: str, service: str) -> str:
    """The name under which a job or a dataset is stored."""
    return f"{kind}{fingerprint_of({'domain': domain, 'service': service})}"
