"""Where Amazon SNS is, and the names of its certificates, as Amazon's own SDK for Java lists them.

The host is SNS's endpoint in a region, and a region's name belongs to one partition of Amazon's, so that
``sns.s3.amazonaws.com``, a bucket that anybody may have, is none.

https://github.com/aws/aws-sdk-java-v2, services-custom/sns-message-manager (SnsHostProvider) and partitions.json
"""

import re

from yarl import URL

_NEAR = r"-[a-z]+-\d+"
_PARTITIONS = {
    "amazonaws.com": rf"(?:us|eu|ap|sa|ca|me|af|il|mx|us-gov){_NEAR}",
    "amazonaws.com.cn": rf"cn{_NEAR}",
    "amazonaws.eu": rf"eusc-de{_NEAR}",
    "c2s.ic.gov": rf"us-iso{_NEAR}",
    "sc2s.sgov.gov": rf"us-isob{_NEAR}",
    "csp.hci.ic.gov": rf"us-isof{_NEAR}",
    "cloud.adc-e.uk": rf"eu-isoe{_NEAR}",
}
_HOST = re.compile("|".join(rf"sns\.{region}\.{re.escape(suffix)}" for suffix, region in _PARTITIONS.items()))
_AUTHORITY = re.compile(r"crt\.[a-z0-9]+\.amazontrust\.com|cacerts\.digicert\.com")

_NAMED = {
    "cn-north-1": "sns-cn-north-1.amazonaws.com.cn",
    "cn-northwest-1": "sns-cn-northwest-1.amazonaws.com.cn",
    "us-gov-west-1": "sns-us-gov-west-1.amazonaws.com",
    "us-gov-east-1": "sns-us-gov-west-1.amazonaws.com",
    "us-iso-east-1": "sns-us-iso-east-1.c2s.ic.gov",
    "us-isob-east-1": "sns-us-isob-east-1.sc2s.sgov.gov",
    "us-isof-east-1": "sns-signing.us-isof-east-1.csp.hci.ic.gov",
    "us-isof-south-1": "sns-signing.us-isof-south-1.csp.hci.ic.gov",
    "eu-isoe-west-1": "sns-signing.eu-isoe-west-1.cloud.adc-e.uk",
    "eusc-de-east-1": "sns-signing.eusc-de-east-1.amazonaws.eu",
}
_OPT_IN = (
    *("ap-east-1", "ap-east-2", "ap-south-2"),
    *("ap-southeast-3", "ap-southeast-4", "ap-southeast-5", "ap-southeast-6", "ap-southeast-7"),
    *("eu-central-2", "eu-south-1", "eu-south-2", "me-central-1", "me-south-1"),
    *("af-south-1", "ca-west-1", "il-central-1", "mx-central-1"),
)
_REGION_IN_ARN = 3


def is_amazon(url: str) -> bool:
    """Whether an address is one of SNS itself, by HTTPS and on its own port."""
    parsed = _plain(url, "https", 443)
    return parsed is not None and _HOST.fullmatch(parsed.raw_host or "") is not None


def is_authority(url: str) -> bool:
    """Whether an address is one where an authority that Amazon uses publishes its own certificates."""
    parsed = _plain(url, "http", 80) or _plain(url, "https", 443)
    return parsed is not None and _AUTHORITY.fullmatch(parsed.raw_host or "") is not None


def _plain(url: str, scheme: str, port: int) -> URL | None:
    """The address, if it has this scheme, its usual port and no user."""
    try:
        parsed = URL(url)
        mine = parsed.scheme == scheme and parsed.explicit_port in (None, port) and parsed.user is None
    except ValueError:
        return None
    return parsed if mine else None


def certificate_name(topic_arn: str) -> str:
    """The name for which the certificate is made out that signs the messages of a topic.

    >>> certificate_name("arn:aws-us-gov:sns:us-gov-east-1:123456789012:alarms")
    'sns-us-gov-west-1.amazonaws.com'
    >>> certificate_name("arn:aws:sns:eu-west-1:123456789012:alarms")
    'sns.amazonaws.com'
    """
    region = [*topic_arn.split(":"), "", "", "", ""][_REGION_IN_ARN]
    if region in _OPT_IN:
        return f"sns-signing.{region}.amazonaws.com"
    near = (suffix for suffix, regions in _PARTITIONS.items() if re.fullmatch(regions, region))
    return _NAMED.get(region) or f"sns.{next(near, 'amazonaws.com')}"
