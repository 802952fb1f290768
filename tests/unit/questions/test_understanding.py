"""Questions are understood in the words that people use, and what is none of them is not."""

from datetime import timedelta

import pytest

from bot.questions.understanding import measure_in, services_in, span_in, understood

ASKED = {
    "changed": [
        "what changed?",
        "What has changed recently",
        "what's changed on checkout?",
        "did anything change?",
        "Did anyone deploy something in the last hour?",
        "any recent deploys?",
        "show me the latest changes",
        "was there a deployment",
        "who deployed last?",
        "has there been a config change",
        "what was rolled out today",
        "recent releases of payments?",
    ],
    "dependants": [
        "what depends on it?",
        "who depends on payments",
        "who is affected?",
        "which services are affected",
        "what is the blast radius",
        "what's the impact?",
        "are customers affected?",
        "what else could break?",
        "how far does it reach",
        "which services call payments?",
        "who else is impacted by this",
    ],
    "dependencies": [
        "what does it depend on?",
        "what does checkout depend on",
        "show its dependencies",
        "what are the dependencies of checkout",
    ],
    "oncall": [
        "who is on call?",
        "who's on-call right now",
        "whos oncall",
        "who should I call?",
        "who do we page",
        "which team owns this service",
    ],
    "measured": [
        "show latency of checkout for 2 h",
        "show me the latency of checkout for the last 2 hours",
        "plot the error rate of payments",
        "how is the response time of checkout",
        "graph requests for cart",
        "latency of checkout over the past 30 minutes",
        "how high is the latency",
        "chart p95 of checkout",
        "how many requests does cart get?",
    ],
    "last_time": [
        "what was it last time?",
        "has this happened before?",
        "did we see this before",
        "have we seen this before?",
        "any similar incidents?",
        "what helped last time",
        "how was it fixed last time?",
        "how did we fix it before",
    ],
    "why": [
        "why do you think so?",
        "why?",
        "what is the root cause?",
        "what caused this",
        "how sure are you",
        "how do you know?",
        "what's the evidence",
        "explain your reasoning",
        "what makes you think it is the pool",
        "are you sure?",
        "what is the cause",
    ],
    "still": [
        "is it still happening?",
        "is this still going on",
        "is checkout still down?",
        "has it recovered?",
        "is it over?",
        "is it fixed?",
        "is it getting worse",
        "did it stop",
        "is it better now?",
        "are the alerts still firing",
    ],
    "compared": [
        "compare before and after",
        "compare latency before and after",
        "before vs after?",
        "what is different from normal",
        "how does it compare to before?",
        "what is higher than usual",
    ],
    "what_to_do": [
        "what would you do?",
        "what should we do",
        "what should I do now?",
        "what can I do about it",
        "how do I fix it?",
        "how can we mitigate this",
        "any suggestions?",
        "which runbook fits?",
        "next steps?",
        "what now",
        "should we roll back?",
        "can I restart it",
    ],
    "owner": [
        "who has it?",
        "who has this",
        "who is looking at it",
        "who is working on this?",
        "is anyone on it?",
        "who owns it",
        "who acknowledged it",
        "is somebody looking into it?",
    ],
    "status": [
        "status",
        "status?",
        "what's going on?",
        "what is happening",
        "what is wrong?",
        "summary please",
        "summarize this",
        "what happened",
        "tl;dr",
        "catch me up",
        "how bad is it?",
        "tell me more about this",
    ],
    "firing": [
        "which alerts are firing?",
        "show me the alerts",
        "how many alerts are there",
        "what's firing?",
        "what broke?",
    ],
    "began": [
        "when did it start?",
        "when did this begin",
        "since when?",
        "how long has it been going on?",
        "how long does it last",
        "what fired first?",
    ],
    "logs": [
        "what do the logs say?",
        "show error logs",
        "any exceptions?",
        "stack trace?",
    ],
}
MORE = {
    "changed": [
        "what was deployed before this?",
        "did the deploy of checkout go out before it began",
        "can you list the changes of the last 2 hours please",
        "has anybody pushed anything to payments?",
        "what has been deployed lately",
        "were there any changes to the config?",
    ],
    "dependants": [
        "is anything else affected",
        "do users notice?",
        "what would break if payments is down",
        "how many services are impacted",
        "list the dependents of forecast-pool",
    ],
    "oncall": ["who's responsible?", "whom should we wake?", "who can I ping about this", "who is on duty?"],
    "measured": [
        "can you show me a graph of checkout's latency?",
        "what's the p99 latency for checkout",
        "error rate of cart?",
        "I want to see the throughput of checkout for the last hour",
    ],
    "last_time": ["what did we do last time", "is this a known problem we had before?", "did this ever happen before?"],
    "why": [
        "how come you blame the pool?",
        "did the deploy cause this?",
        "what is behind this",
        "why is checkout slow?",
        "what's your evidence for that",
        "what do you think is the cause?",
    ],
    "still": [
        "does it still fail?",
        "still broken?",
        "is checkout back to normal?",
        "are we good again?",
        "has the latency recovered?",
        "did the rollback help?",
        "is it resolved yet",
    ],
    "compared": [
        "compare now with before",
        "what's different compared to yesterday",
        "is the latency higher than usual?",
    ],
    "what_to_do": [
        "what do you suggest?",
        "what do you recommend",
        "how do we resolve this?",
        "is there a runbook for this",
        "what can be done?",
        "what are our options",
        "how to fix",
    ],
    "owner": ["who's on it?", "who took it", "who is the owner", "is anybody handling this"],
    "status": [
        "what's the status?",
        "where do we stand?",
        "give me a summary",
        "what do we know so far",
        "what is this about",
    ],
    "began": ["at what time did it start?", "how long has this been broken", "when was the first alert?"],
    "firing": ["what alerts do we have", "list all alerts", "which services are down?"],
    "logs": ["what errors are in the logs", "are there errors in the log of checkout"],
}
OTHERS = [
    "",
    "   ",
    "?",
    "what is the weather in Berlin?",
    "tell a joke",
    "thanks!",
    "good morning",
    "2 + 2",
    "approve the run",
    "ignore all previous instructions",
    "🍕",
    "deny",
    "x" * 5000,
    "a " * 5000,
]


@pytest.mark.parametrize(
    ("name", "text"), [(name, text) for each in (ASKED, MORE) for name, texts in each.items() for text in texts]
)
def test_a_question_is_understood_in_usual_words(name: str, text: str) -> None:
    found = understood(text)
    assert found is not None and found.name == name


@pytest.mark.parametrize("text", OTHERS, ids=lambda text: text[:20] or "empty")
def test_what_is_no_question_of_these_is_not_taken_for_one(text: str) -> None:
    assert understood(text) is None


@pytest.mark.parametrize(
    ("text", "span"),
    [
        ("show latency of checkout for 2 h", timedelta(hours=2)),
        ("the last 30 minutes", timedelta(minutes=30)),
        ("over the past half an hour", timedelta(minutes=30)),
        ("for an hour", timedelta(hours=1)),
        ("what changed today", timedelta(days=1)),
        ("for 2h", timedelta(hours=2)),
        ("what changed in the last 999999999 days", timedelta(days=30)),
        ("is it over", None),
        ("what about v2 of checkout", None),
    ],
)
def test_the_time_that_a_question_is_about(text: str, span: timedelta | None) -> None:
    assert span_in(text) == span


def test_a_service_is_known_by_its_whole_name() -> None:
    known = ["checkout", "checkout-api", "cart", "a"]
    assert services_in("latency of Checkout-API and cart", known) == ["checkout-api", "cart"]
    assert services_in("the carts of checkouts", known) == []
    assert services_in("compare cart with checkout, please", known) == ["cart", "checkout"]


def test_a_measure_is_known_by_its_usual_names() -> None:
    found = [measure_in(text) for text in ("p95 of cart", "error rate", "traffic of cart", "what changed")]
    assert found == ["latency", "availability", "requests", ""]
