"""How long it takes to decide whom an incident concerns, in a company of 1,000 teams with 5,000 routes."""

import random
import statistics
import time
import tracemalloc
from collections.abc import Mapping, Sequence
from typing import Any

from bot.domain.access.team import Team, Teams
from bot.domain.cause import CauseKind
from bot.domain.routing.decision import Facts
from bot.domain.routing.route import Route
from bot.domain.severity import Severity
from bot.routing.compiled import Routes
from bot.routing.never import never_matching

TEAMS, ROUTES, INCIDENTS = 1_000, 5_000, 20_000


def routes() -> dict[str, float]:
    """How long a decision takes with 5,000 routes and 1,000 teams, and what they cost to read and to keep."""
    random_ = random.Random(16)
    written = [route(place, random_) for place in range(ROUTES)]
    tracemalloc.start()
    began = time.perf_counter()
    known = Routes([Route.model_validate(one) for one in written], "#incidents", _teams())
    read = time.perf_counter() - began
    kept, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    began = time.perf_counter()
    never = len(list(never_matching(known.all)))
    checked = time.perf_counter() - began
    return {
        "routes": ROUTES,
        "teams": TEAMS,
        "read_seconds": round(read, 3),
        "check_seconds": round(checked, 3),
        "never_matching": never,
        "memory_mb": round(kept / 2**20, 1),
        **_decisions(known, [_facts(random_) for _ in range(INCIDENTS)]),
    }


def _decisions(known: Routes, incidents: Sequence[Facts]) -> dict[str, float]:
    """Of processor time the mean; of single decisions by the clock, which others' work adds to, median and p99."""
    began = time.process_time_ns()
    matched = sum(bool(known.decide(facts).routes) for facts in incidents)
    mean = (time.process_time_ns() - began) / 1000 / len(incidents)
    took = []
    for facts in incidents:
        since = time.perf_counter_ns()
        known.decide(facts)
        took.append((time.perf_counter_ns() - since) / 1000)
    quantiles = statistics.quantiles(took, n=100)
    return {
        "decision_us_mean": round(mean, 2),
        "decision_us_median": round(quantiles[49], 2),
        "decision_us_p99": round(quantiles[98], 2),
        "matched": round(matched / len(incidents), 3),
    }


def _teams() -> Teams:
    """Each answers for services by name, and for those with its own beginning."""
    return Teams({f"team-{n}": Team(services=[f"service-{n}", f"t{n}-*"]) for n in range(TEAMS)})


def route(place: int, random_: random.Random) -> Mapping[str, Any]:
    """As companies write them: a team and a severity, an environment, sometimes a service or a pattern."""
    team = place % TEAMS
    kind = place // TEAMS
    match = {
        0: [f'team="team-{team}"', 'severity="critical"'],
        1: [f'team="team-{team}"', 'severity=~"critical|high"', 'env="prod"'],
        2: [f'service=~"service-{team}|t{team}-api"', 'env!="dev"'],
        3: [f'team=~"team-{team}|team-{(team + 1) % TEAMS}"', 'cause="data"'],
        4: [f'team="team-{team}"'],
    }[kind]
    return {
        "match": match,
        "channel": f"#team-{team}",
        "mention": ["S0GROUP001"],
        "continue": random_.random() < 0.05,
    }


def _facts(random_: random.Random) -> Facts:
    team = random_.randrange(TEAMS * 11 // 10)
    named = {"team": f"team-{team}"} if random_.random() < 0.5 else {}
    return Facts(
        severity=random_.choice(list(Severity)),
        services=[random_.choice([f"service-{team}", f"t{team}-api", f"t{team}-worker"])],
        sources=["alertmanager"],
        cause=random_.choice([None, *CauseKind]),
        domain=f"eu-{team % 3}",
        labels={"env": random_.choice(["prod", "stage", "dev"]), "cluster": "eu-1", **named},
    )
