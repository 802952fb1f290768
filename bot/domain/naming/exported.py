"""What an exporter exports, by its own name: ``payments-db-exporter`` that of ``payments-db``."""

import re

from bot.domain.naming.catalogue import Catalogue

_STACK = re.compile(r"(?:.+-)?kube-prometheus(?:-stack)?-(?P<of>.+)")
_CHART = re.compile(r"(?P<of>.+?)-prometheus-(?:[a-z0-9]+-)*exporter")
_FIRST = re.compile(r"(?P<program>[a-z0-9]+)[-_]exporter[-_](?P<of>.+)")
_LAST = re.compile(r"(?P<of>.+?)[-_](?:prometheus[-_])?(?:exporter|metrics|monitoring|monitor|prometheus)")


def without_chart(name: str) -> str:
    """Without what the Helm chart kube-prometheus-stack puts before the names of what it scrapes.

    >>> without_chart("kube-prometheus-stack-kubelet"), without_chart("cart")
    ('kubelet', 'cart')
    """
    found = _STACK.fullmatch(name)
    return found["of"] if found else name


def exported(name: str, catalogue: Catalogue) -> str:
    """What is exported, or the kind of program where the name says no more; empty where it says nothing.

    >>> from bot.domain.naming.catalogue import NamingRules
    >>> names = ("orders-db-prometheus-postgres-exporter", "orders-db-postgres-exporter", "redis-exporter")
    >>> [exported(name, NamingRules().catalogue) for name in names]
    ['orders-db', 'orders-db', 'redis']
    """
    bare = without_chart(name)
    if found := _CHART.fullmatch(bare):
        if found["of"] not in catalogue.releases:
            bare = found["of"]
    elif (found := _FIRST.fullmatch(bare)) and found["program"] in catalogue.programs:
        bare = found["of"]
    while found := _LAST.fullmatch(bare):
        bare = found["of"]
    while "-" in bare and bare.partition("-")[0] in catalogue.releases:
        bare = bare.partition("-")[2]
    rest, _, program = bare.rpartition("-")
    if program in catalogue.programs and rest.rpartition("-")[2] in catalogue.stores:
        bare = rest
    return "" if bare in ("exporter", "metrics", "prometheus", "monitoring") else bare
