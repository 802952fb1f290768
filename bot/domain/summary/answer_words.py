"""Plain English words that a sentence about an incident may use beside those of its evidence, beyond a summary's."""

from bot.domain.summary.plain_words import is_plain

_MORE = frozenset(
    """
    no not none never nothing nobody neither nor without only any anything all both each every most many much
    more less least few several some other others another same such own whole half part enough almost about
    nearly one once twice single double pair i you he she we us our your me my how why whether yes please unless
    until while whereas however therefore hence instead despite except besides increase increased decrease
    decreased rise rose risen fall fell fallen drop dropped grow grew grown jump jumped climb climbed spike
    spiked doubled triple halve halved exceed exceeded worsen worsened improve improved recover recovered
    recovery return returned remain remained stay stayed keep kept stop stopped end ended finish finished change
    changed deploy deployed deployment release released roll rolled rollout rollback configuration config
    version restart restarted scale scaled scaling update updated upgrade upgraded promote promoted high higher
    highest low lower lowest slow slower slowest fast faster large larger small smaller big bigger worse worst
    better best long longer short shorter new newer newest old older oldest recent recently late lately latest
    early last previous previously next current usual usually normal normally abnormal unusual typical typically
    expected unexpected likely unlikely possible probable certain uncertain sure unsure clear unclear known
    unknown latency error errors rate rates request requests response responses traffic load usage utilization
    capacity memory cpu disk network queue backlog timeout timeouts failure failures throughput availability
    metric metrics log logs model models data feature features drift accuracy prediction predictions pipeline
    dataset monitor monitors database server pod pods node nodes instance instances replica replicas worker
    workers pool cluster region client clients customer customers team teams owner owners fail failed fails
    failing break broke broken work worked working run ran running serve served serving wait waited waiting call
    called calls calling use used uses using need needed needs open opened close closed resolve resolved
    acknowledge acknowledged trigger triggered assign assigned owned propose proposed approve approved reject
    rejected verify verified succeed succeeded help helped fix fixed mitigate mitigated remediate remediation
    runbook runbooks step steps check checked investigate investigated confirm confirmed contradict contradicted
    support supported match matched fit fits compare compared differ differs different difference similar alike
    past history before time times moment second seconds minute minutes hour hours day days week weeks today
    yesterday total count number amount average median percent percentage share ratio value values threshold
    limit limits range severity status state critical warning info timeline note notes changes deploys incidents
    alerts services list lists listed name names named mention mentioned describe described record recorded
    report reported think thought believe believed assume assumed guess know knew tell told answer answers
    question questions direct directly indirect indirectly immediately shortly quickly slowly steadily briefly
    repeatedly mainly mostly exactly roughly approximately significantly slightly strongly around outside inside
    top bottom up down over out off healthy unhealthy available unavailable reachable unreachable saturated
    exhausted starved contention pressure noisy neighbour neighbor resource resources shared did done go goes
    went gone going happen happened happens happening occur occurred occurs correlate correlated coincide
    coincided follow followed following precede preceded evidence overall summary conclusion hypothesis
    """.split()  # noqa: SIM905 - as prose it can be read
)


def is_usual(word: str) -> bool:
    """Whether a word, in lower case, says nothing that evidence would have to hold.

    >>> is_usual("deployed"), is_usual("not"), is_usual("redis"), is_usual("42")
    (True, True, False, False)
    """
    plain = word.replace("’", "'").removesuffix("n't")
    return plain in _MORE or plain in ("ca", "wo") or is_plain(plain)
