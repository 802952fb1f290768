"""CloudWatch's alarms inside SNS's envelope, after the examples of the documentation."""

from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest

from bot.domain.event import AlertEvent
from handlers.sources.registry import Malformed, all_sources
from handlers.sources.sns_names import certificate_name, is_amazon, is_authority
from handlers.webhooks.cloudwatch import parse

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
ARN = "arn:aws:cloudwatch:eu-west-2:123456789012:alarm:example alarm/1"
ALARM: dict[str, Any] = {
    "AlarmName": "example alarm/1",
    "AlarmDescription": "testing state change from OK -> ALARM",
    "AWSAccountId": "123456789012",
    "NewStateValue": "ALARM",
    "NewStateReason": "Threshold Crossed: 1 out of the last 1 datapoints [1.0 (22/11/19 15:38:00)] was less than 5.0",
    "StateChangeTime": "2019-11-22T15:43:51.730+0000",
    "Region": "EU (London)",
    "AlarmArn": ARN,
    "OldStateValue": "OK",
    "Trigger": {
        "MetricName": "Invocations",
        "Namespace": "AWS/Lambda",
        "Statistic": "AVERAGE",
        "Unit": None,
        "Dimensions": [{"value": "prod", "name": "Resource"}, {"value": "cart", "name": "FunctionName"}],
        "Threshold": 5.0,
    },
}
ENVELOPE: dict[str, Any] = {
    "Type": "Notification",
    "MessageId": "22b80b92-fdea-4c2c-8f9d-bdfb0c7bf324",
    "TopicArn": "arn:aws:sns:eu-west-2:123456789012:MyTopic",
    "Subject": "ALARM",
    "Timestamp": "2019-11-22T15:43:52.000Z",
    "SignatureVersion": "1",
    "Signature": "EXAMPLE",
    "SigningCertURL": "https://sns.eu-west-2.amazonaws.com/SimpleNotificationService-f3ecfb7224c7233fe7bb5f59f96de52f.pem",
    "UnsubscribeURL": "https://sns.eu-west-2.amazonaws.com/?Action=Unsubscribe",
}


def body_of(message: str | None = None, **fields: Any) -> bytes:
    said = msgspec.json.encode({**ALARM, **fields}).decode()
    return msgspec.json.encode({**ENVELOPE, "Message": said if message is None else message})


def event_of(**fields: Any) -> AlertEvent:
    [event] = parse(body_of(**fields), {}, NOON)
    assert isinstance(event, AlertEvent)
    return event


def test_an_alarm_fires_for_what_its_metric_is_of() -> None:
    event = event_of()
    assert event.labels == {
        "alertname": "example alarm/1",
        "service": "cart",
        "FunctionName": "cart",
        "Resource": "prod",
        "metric": "Invocations",
        "namespace": "AWS/Lambda",
        "account": "123456789012",
        "region": "eu-west-2",
    }
    assert (event.fingerprint, event.status, event.ends_at) == (ARN, "firing", None)
    assert event.starts_at == datetime(2019, 11, 22, 15, 43, 51, 730000, tzinfo=UTC)
    assert event.annotations == {"summary": ALARM["NewStateReason"], "description": ALARM["AlarmDescription"]}
    assert event.link == (
        "https://eu-west-2.console.aws.amazon.com/cloudwatch/home?region=eu-west-2#alarmsV2:alarm/example%20alarm%2F1"
    )


def test_an_alarm_that_is_ok_is_resolved_under_the_same_fingerprint() -> None:
    event = event_of(NewStateValue="OK")
    assert (event.status, event.fingerprint, event.ends_at) == ("resolved", ARN, event.starts_at)


def test_an_alarm_without_data_fires_and_says_so() -> None:
    event = event_of(NewStateValue="INSUFFICIENT_DATA")
    assert (event.status, event.labels["state"]) == ("firing", "INSUFFICIENT_DATA")


def test_a_composite_alarm_has_no_metric_and_china_has_a_console_of_its_own() -> None:
    arn = "arn:aws-cn:cloudwatch:cn-north-1:1:alarm:both"
    event = event_of(Trigger=None, AlarmRule="ALARM(a) AND ALARM(b)", AlarmArn=arn, AlarmDescription=None)
    assert ("service" in event.labels, event.annotations) == (False, {"summary": ALARM["NewStateReason"]})
    assert event.link.startswith("https://cn-north-1.console.amazonaws.cn/")


def test_an_alarm_of_an_expression_is_one_of_the_first_metric_in_it() -> None:
    metric = {
        "Dimensions": [{"value": "cart", "name": "AutoScalingGroupName"}],
        "MetricName": "GroupDesiredCapacity",
        "Namespace": "AWS/AutoScaling",
    }
    expression = {"Expression": "ANOMALY_DETECTION_BAND(m1, 2)", "Id": "ad1", "ReturnData": True}
    stated = {"Id": "m1", "MetricStat": {"Metric": metric, "Period": 60, "Stat": "Average"}, "ReturnData": False}
    event = event_of(Trigger={"Period": 60, "Metrics": [expression, stated]})
    assert (event.labels["service"], event.labels["metric"]) == ("cart", "GroupDesiredCapacity")


def test_what_the_alarm_does_not_say_is_left_out() -> None:
    [event] = parse(body_of('{"AlarmName":"a","NewStateValue":"ALARM","New":[1]}'), {}, NOON)
    assert isinstance(event, AlertEvent)
    assert (event.labels, event.starts_at, event.link) == ({"alertname": "a"}, NOON, "")


@pytest.mark.parametrize("kind", ["SubscriptionConfirmation", "UnsubscribeConfirmation"])
def test_what_is_said_of_the_subscription_is_no_alert(kind: str) -> None:
    assert parse(msgspec.json.encode({**ENVELOPE, "Message": "You have chosen", "Type": kind}), {}, NOON) == []


@pytest.mark.parametrize(
    ("body", "where"),
    [
        (body_of()[:-30], "truncated"),
        (b'{"Type":"Notification"}', "MessageId"),
        (body_of("Hello world!"), r"\$\.Message is no alarm"),
        (body_of(NewStateValue="BROKEN"), "NewStateValue"),
        (body_of(StateChangeTime="today"), "StateChangeTime"),
        (body_of(StateChangeTime="2019-11-22T15:43:51"), "has no zone"),
    ],
)
def test_what_is_malformed_is_named(body: bytes, where: str) -> None:
    with pytest.raises(Malformed, match=where):
        parse(body, {}, NOON)


def test_raw_delivery_is_refused_as_nobody_signs_it() -> None:
    with pytest.raises(Malformed, match="raw message delivery"):
        parse(msgspec.json.encode(ALARM), {"x-amz-sns-rawdelivery": "true"}, NOON)


@pytest.mark.parametrize(
    ("url", "is_its_own"),
    [
        ("https://sns.us-east-1.amazonaws.com/SimpleNotificationService-1.pem", True),
        ("https://sns.cn-north-1.amazonaws.com.cn:443/a.pem", True),
        ("https://sns.us-gov-west-1.amazonaws.com/a.pem", True),
        ("https://sns.ap-southeast-7.amazonaws.com/a.pem", True),
        ("https://sns.eusc-de-east-1.amazonaws.eu/a.pem", True),
        ("https://sns.us-iso-east-1.c2s.ic.gov/a.pem", True),
        ("https://sns.s3.amazonaws.com/a.pem", False),
        ("https://sns.s3-eu-west-1.amazonaws.com/a.pem", False),
        ("https://sns.elb.amazonaws.com.cn/a.pem", False),
        ("https://sns.cn-north-1.amazonaws.com/a.pem", False),
        ("https://sns.us-east-1.amazonaws.com.cn/a.pem", False),
        ("https://sns.us-east-1.amazonaws.eu/a.pem", False),
        ("https://sns.amazonaws.com/a.pem", False),
        ("http://sns.us-east-1.amazonaws.com/a.pem", False),
        ("https://sns.us-east-1.amazonaws.com:8443/a.pem", False),
        ("https://sns.us-east-1.amazonaws.com.evil.example/a.pem", False),
        ("https://evil.example/sns.us-east-1.amazonaws.com/a.pem", False),
        ("https://sns.us-east-1.amazonaws.com@evil.example/a.pem", False),
        ("https://me:you@sns.us-east-1.amazonaws.com/a.pem", False),
        ("https://evil.example\\@sns.us-east-1.amazonaws.com/a.pem", False),
        ("https://s3.us-east-1.amazonaws.com/sns/a.pem", False),
        ("https://sns.evil.us-east-1.amazonaws.com/a.pem", False),
        ("https://[::1", False),
        ("", False),
    ],
)
def test_only_hosts_of_sns_itself_are_turned_to(url: str, is_its_own: bool) -> None:
    assert is_amazon(url) == is_its_own


@pytest.mark.parametrize(
    ("region", "name"),
    [
        ("us-gov-west-1", "sns-us-gov-west-1.amazonaws.com"),
        ("us-gov-east-1", "sns-us-gov-west-1.amazonaws.com"),
        ("cn-north-1", "sns-cn-north-1.amazonaws.com.cn"),
        ("cn-northwest-1", "sns-cn-northwest-1.amazonaws.com.cn"),
        ("me-south-1", "sns-signing.me-south-1.amazonaws.com"),
        ("mx-central-1", "sns-signing.mx-central-1.amazonaws.com"),
        ("us-iso-east-1", "sns-us-iso-east-1.c2s.ic.gov"),
        ("us-isof-south-1", "sns-signing.us-isof-south-1.csp.hci.ic.gov"),
        ("eusc-de-east-1", "sns-signing.eusc-de-east-1.amazonaws.eu"),
        ("us-east-1", "sns.amazonaws.com"),
        ("foo-bar-1", "sns.amazonaws.com"),
        ("cn-northwest-9", "sns.amazonaws.com.cn"),
        ("", "sns.amazonaws.com"),
    ],
)
def test_certificates_have_the_names_that_amazons_sdk_lists(region: str, name: str) -> None:
    assert certificate_name(f"arn:aws:sns:{region}:123456789012:alarms") == name


@pytest.mark.parametrize(
    ("url", "is_one"),
    [
        ("http://crt.r2m01.amazontrust.com/r2m01.cer", True),
        ("http://cacerts.digicert.com/x.crt", True),
        ("http://crt.r2m01.amazontrust.com.evil.example/r2m01.cer", False),
        ("http://169.254.169.254/latest/meta-data", False),
        ("ftp://crt.r2m01.amazontrust.com/r2m01.cer", False),
        ("http://crt.r2m01.amazontrust.com:8080/r2m01.cer", False),
    ],
)
def test_issuers_are_fetched_only_from_authorities_that_amazon_uses(url: str, is_one: bool) -> None:
    assert is_authority(url) == is_one


def test_its_sender_shows_the_token_and_proves_itself() -> None:
    source = all_sources()["cloudwatch"]
    assert source.verify is not None
    assert source.token_in_address
    assert source.prove is not None
    assert not source.verify({}, b"s3cret")
