"""The cluster: whether it is reached, and which rights are missing for what is configured."""

from collections.abc import Iterator

from bot.commands.parts.checks.finding import Finding, Mark
from bot.config import Config
from bot.domain.runbook import Step
from bot.integrations.kubernetes.seen import WATCHED
from bot.kubernetes.cluster import Cluster, Request, Verb
from bot.kubernetes.errors import ClusterFailure, ClusterRefused
from bot.kubernetes.resources import ACCESS_REVIEWS, EVENTS, NODES, PODS, ROLLOUTS, Where, changeable

_SUBJECT = "Kubernetes"
_REACH = "Look at kubernetes.context, the service account's token and the network policy: see docs/kubernetes.md."
_ROLES = "Apply and bind the roles of deploy/kubernetes/access: see docs/kubernetes.md."
_ACTS: dict[str, tuple[Verb, str]] = {"delete_pod": ("delete", ""), "drain": ("create", "eviction")}


async def check_kubernetes(config: Config) -> list[Finding]:
    """Nothing where no cluster is configured."""
    if config.kubernetes is None:
        return []
    cluster = Cluster(config.kubernetes.access)
    try:
        return await _look(cluster, config)
    except (ClusterFailure, ClusterRefused) as error:
        return [Finding(Mark.FAIL, _SUBJECT, f"context {config.kubernetes.context}: {error}", _REACH)]
    finally:
        await cluster.close()


async def _look(cluster: Cluster, config: Config) -> list[Finding]:
    wanted = list(dict.fromkeys([*_read(cluster, config), *_changed(config)]))
    missing = [text for verb, where in wanted if (text := await _missing(cluster, verb, where))]
    if missing:
        return [Finding(Mark.WARN, _SUBJECT, f"the role lacks {'; '.join(missing)}", _ROLES)]
    return [Finding(Mark.OK, _SUBJECT, f"reached; all {len(wanted)} rights that are needed are there")]


def _read(cluster: Cluster, config: Config) -> Iterator[tuple[Verb, Where]]:
    section = config.kubernetes
    assert section is not None  # or nobody asks
    for namespace in cluster.access.namespaces or ("",):
        for resource in WATCHED if section.watch else ():
            if resource is not ROLLOUTS:  # which may not be installed
                space = namespace if resource.namespaced else ""
                yield from (("list", Where(resource, space)), ("watch", Where(resource, space)))
        if section.watch or section.evidence:
            yield "list", Where(PODS, namespace)
        if section.evidence:
            yield from (("list", Where(EVENTS, namespace)), ("get", Where(PODS, namespace, part="log")))
    if section.evidence:
        yield "get", Where(NODES)


def _changed(config: Config) -> Iterator[tuple[Verb, Where]]:
    """What the steps of runbooks do, as far as they name it without a placeholder."""
    for runbook in config.runbooks.values():
        for step in (*runbook.steps, *runbook.rollback):
            if step.kind == "kubernetes":
                yield from _of_step(step)


def _of_step(step: Step) -> Iterator[tuple[Verb, Where]]:
    action, namespace = str(step.parameters.get("action")), str(step.parameters.get("namespace") or "")
    resource = changeable(str(step.parameters.get("object")).partition("/")[0])
    if resource is None or "$" in namespace:
        return
    verb, part = _ACTS.get(action, ("patch", ""))
    if action == "drain":
        yield "patch", Where(NODES)
        resource = PODS
    yield verb, Where(resource, namespace, part=part)


async def _missing(cluster: Cluster, verb: Verb, where: Where) -> str:
    """The right in words, where it is missing. Raises ClusterFailure, ClusterRefused.

    https://kubernetes.io/docs/reference/kubernetes-api/authorization-resources/self-subject-access-review-v1/
    """
    resource = where.resource
    attributes = {"verb": verb, "group": resource.group, "resource": resource.plural, "namespace": where.namespace}
    spec = {"resourceAttributes": attributes | ({"subresource": where.part} if where.part else {})}
    body = {"apiVersion": "authorization.k8s.io/v1", "kind": "SelfSubjectAccessReview", "spec": spec}
    review = await cluster.read(Request("create", Where(ACCESS_REVIEWS), body=body))
    if (review.get("status") or {}).get("allowed"):
        return ""
    space = f" in {where.namespace}" if where.namespace else ""
    return f"{verb} {where.governed}{space}"
