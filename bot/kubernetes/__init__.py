"""The API of a Kubernetes cluster: what is asked of it, what it answers, and what may be done to its objects."""

from bot.kubernetes.cluster import Access, Cluster
from bot.kubernetes.errors import ClusterFailure, ClusterGone, ClusterRefused

__all__ = ["Access", "Cluster", "ClusterFailure", "ClusterGone", "ClusterRefused"]
