"""A message of Amazon SNS over HTTP, and whose messages are taken.

https://docs.aws.amazon.com/sns/latest/dg/SendMessageToHttp.prepare.html
"""

from collections.abc import Mapping
from typing import Literal

import msgspec

from handlers.sources.registry import decoded

TOPICS = "TANDEM_CLOUDWATCH_TOPICS"
"""The topics that may send, by ARN and parted by commas; without it, all whose sender knows the token."""


class Message(msgspec.Struct, frozen=True, rename="pascal"):
    """An envelope; ``message`` is what was published."""

    type: Literal["Notification", "SubscriptionConfirmation", "UnsubscribeConfirmation"]
    message_id: str
    topic_arn: str
    message: str
    timestamp: str
    signature_version: Literal["1", "2"]
    signature: str
    signing_cert_url: str = msgspec.field(name="SigningCertURL")
    subject: str | None = None
    token: str = ""
    subscribe_url: str = msgspec.field(name="SubscribeURL", default="")


_decode = msgspec.json.Decoder(Message).decode


def read(body: bytes) -> Message:
    """Raises Malformed."""
    return decoded(_decode, body)


def signed_text(message: Message) -> bytes:
    """What the signature is of: names and values, each on a line of its own, in the order of the names."""
    fields = {"Message": message.message, "MessageId": message.message_id}
    if message.type == "Notification":
        fields |= {"Subject": message.subject} if message.subject is not None else {}
    else:
        fields |= {"SubscribeURL": message.subscribe_url}
    fields |= {"Timestamp": message.timestamp}
    fields |= {"Token": message.token} if message.type != "Notification" else {}
    fields |= {"TopicArn": message.topic_arn, "Type": message.type}
    return "".join(f"{name}\n{value}\n" for name, value in fields.items()).encode()


def topics_in(environ: Mapping[str, str]) -> list[str]:
    """The topics that may send, if any are named."""
    return [topic.strip() for topic in environ.get(TOPICS, "").split(",") if topic.strip()]
