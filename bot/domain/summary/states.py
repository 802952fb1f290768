"""What is wrong with a service in words, from the name of its alert: ``HighLatency`` is slow.

Names are those of the usual rule collections (kube-prometheus, awesome-prometheus-alerts), of cloud providers and of
our own watches. A name that says none of these is shown as the words that it is put together from.
"""

import re
from functools import lru_cache
from typing import NamedTuple

from bot.domain.inhibition import says_down


class State(NamedTuple):
    """What a service does ``now``, and did ``then``, once that is over; empty where the name only has ``words``."""

    now: str
    then: str
    words: str

    def of(self, service: str, over: bool) -> str:
        """A sentence about a service; about nothing in particular where no service is known."""
        if not self.now or not service:
            words = self.words or "an alert fires"
            return f"{service}: {words}" if service else words[:1].upper() + words[1:]
        return f"{service} {self.then if over else self.now}"


_STATES = (
    (r"metrics ?missing", "sends no metrics", "sent no metrics"),
    (r"logs ?missing|log line stopped", "no longer writes its usual logs", "did not write its usual logs"),
    (r"heartbeat missed|dead ?man|watchdog", "sends no heartbeat", "sent no heartbeat"),
    (r"heartbeat failed", "reports a failure", "reported a failure"),
    (r"metric anomaly|log rate anomaly", "behaves unusually", "behaved unusually"),
    (r"unseen log line", "writes log lines never seen before", "wrote log lines never seen before"),
    (r"saturation forecast", "will reach its limit", "was to reach its limit"),
    (r"differs? from peers", "has an instance unlike the others", "had an instance unlike the others"),
    (r"monitor failed", "cannot be checked", "could not be checked"),
    (r"data freshness|stale|no fresh", "gets no fresh data", "got no fresh data"),
    (r"data quality|schema|null|missing values", "gets bad data", "got bad data"),
    (r"concept drift", "no longer fits its data", "no longer fitted its data"),
    (r"prediction drift", "predicts unlike before", "predicted unlike before"),
    (r"drift", "gets data unlike before", "got data unlike before"),
    (r"accuracy|mape\b|\bauc\b|precision|recall|model performance", "predicts worse", "predicted worse"),
    (r"error burst", "writes many error lines", "wrote many error lines"),
    (r"crash ?loop|restart|back ?off", "keeps restarting", "kept restarting"),
    (r"oom|out of memory|memory|swap|heap", "is short of memory", "was short of memory"),
    (r"(?:disk|storage).*(?:latency|slow|\bio\b)|io ?wait|iops", "has a slow disk", "had a slow disk"),
    (
        r"disk|file ?system|inode|volume.*(?:full|fill)|storage|no ?space|out of space",
        "is running out of disk",
        "ran out of disk",
    ),
    (r"cpu|throttl|starv|contention", "is short of CPU", "was short of CPU"),
    (
        r"too many connections|connections?.*(?:exhaust|full|limit)",
        "has no connection left",
        "had no connection left",
    ),
    (r"certificate|\bcerts?\b|\bssl\b|\btls\b", "has a certificate near its end", "had a certificate near its end"),
    (r"replication|replica.*(?:lag|broken)", "replicates too slowly", "replicated too slowly"),
    (
        r"queue|backlog|pending messages|unack|ready messages",
        "falls behind with its queue",
        "fell behind with its queue",
    ),
    (r"\blag\b|lagging", "lags behind", "lagged behind"),
    (r"pool.*exhaust", "has used up a pool", "had used up a pool"),
    (
        r"replica\w* mismatch|not enough healthy|un ?healthy",
        "has too few healthy instances",
        "had too few healthy ones",
    ),
    (r"rollout stuck|generation mismatch|container waiting", "does not roll out", "did not roll out"),
    (r"burn|\bslo\b|error budget", "uses up its error budget", "used up its error budget"),
    (r"latency|slow|duration|response time|p9\d", "is slow", "was slow"),
    (r"time ?outs?|timed out|deadline", "times out", "timed out"),
    (r"error|5xx|exception|fault", "returns errors", "returned errors"),
    (r"unavailable|availability|not ready|no endpoints|unreachable", "is not available", "was not available"),
    (r"traffic|requests? surge|rate ?limit", "gets unusual traffic", "got unusual traffic"),
    (r"overload|saturat|high load|load (?:high|average)", "is overloaded", "was overloaded"),
    (r"fail(?:s|ed|ing|ure|ures)?\b", "fails", "failed"),
)
_PATTERNS = tuple((re.compile(rf"(?<![a-z])(?:{pattern})"), now, then) for pattern, now, then in _STATES)
_PIECES = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+\w*|[^\W\d_]+")
_LONGEST = 80
_SENTENCE = 5
"""A name of so many words is a sentence, and says better what is wrong than we could."""
_IS_DOWN = re.compile(r"(?<![a-z])(?:down|dead(?! ?lock| ?letter)|absent|outage|offline)(?![a-z])")


@lru_cache(maxsize=4096)
def state_of(alertname: str) -> State:
    """What an alert of this name says of its service.

    >>> state_of("HighLatency").of("cart", over=False), state_of("PostgresDown").of("postgres-main", over=True)
    ('cart is slow', 'postgres-main was down')
    >>> state_of("KubePodCrashLooping").now, state_of("job.failed").now, state_of("Kind7").of("cart", over=False)
    ('keeps restarting', 'fails', 'cart: kind 7')
    """
    words = words_of(alertname)
    lower = words.lower()
    if len(alertname.split()) >= _SENTENCE:
        return State("", "", words)
    if says_down(alertname) or _IS_DOWN.search(lower):
        return State("is down", "was down", words)
    for pattern, now, then in _PATTERNS:
        if pattern.search(lower):
            return State(now, then, words)
    return State("", "", words)


def words_of(alertname: str) -> str:
    """The words that a name is put together from; a name that is words already stays as it is.

    >>> words_of("QueueFull"), words_of("http_errors.rate"), words_of("Payment is refused by ACME")
    ('queue full', 'http errors rate', 'Payment is refused by ACME')
    """
    name = " ".join(alertname.split())[:_LONGEST]
    if " " in name:
        return name
    pieces = _PIECES.findall(name)
    return " ".join(piece if piece.isupper() and len(piece) > 1 else piece.lower() for piece in pieces) or name
