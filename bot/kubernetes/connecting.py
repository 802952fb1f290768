"""Who we are to the API server: in a pod its service account, elsewhere a context of the kubeconfig.

kubernetes-asyncio knows all the ways (tokens that rotate, certificates, exec plugins, OIDC). It takes more than a
second to import, so that is done in a thread, with the first call to a cluster.
"""

import asyncio
from importlib.util import find_spec
from typing import Any

from bot.kubernetes.errors import ClusterFailure

IN_CLUSTER = "in-cluster"
EXTRA = 'pip install "tandem-chatops[kubernetes]"'


def installed() -> bool:
    return find_spec("kubernetes_asyncio") is not None


async def connected(context: str, connections: int) -> Any:
    """kubernetes-asyncio's client for a context. Raises ClusterFailure where there is no way to it."""
    if not installed():
        raise ClusterFailure(f"the client of Kubernetes is not installed: {EXTRA}")
    client, config = await asyncio.to_thread(_imported)
    settings = client.Configuration()
    settings.connection_pool_maxsize = connections
    try:
        if context == IN_CLUSTER:
            config.load_incluster_config(client_configuration=settings)
        else:
            await config.load_kube_config(context=context, client_configuration=settings, persist_config=False)
        return client.ApiClient(settings)
    except (config.ConfigException, OSError, ValueError, KeyError, TypeError) as error:
        where = (
            "no service account is mounted in this pod" if context == IN_CLUSTER else "the kubeconfig cannot be used"
        )
        raise ClusterFailure(f"context {context}: {where}: {error}") from error


def _imported() -> tuple[Any, Any]:
    from kubernetes_asyncio import client, config

    return client, config
