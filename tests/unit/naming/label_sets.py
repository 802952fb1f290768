"""Label sets as kube-prometheus, its Helm chart and the usual exporters send them, and what each alert is about.

Each is written as the labels and the name that a person would give to what is affected.
"""

from collections.abc import Mapping

_KSM = {
    "job": "kube-state-metrics",
    "instance": "10.1.7.20:8443",
    "container": "kube-rbac-proxy-main",
    "prometheus": "monitoring/k8s",
}
_HELM_KSM = {
    "job": "kube-state-metrics",
    "service": "kube-prometheus-stack-kube-state-metrics",
    "endpoint": "http",
    "instance": "10.1.7.20:8080",
    "container": "kube-state-metrics",
    "pod": "kube-prometheus-stack-kube-state-metrics-6d5c9f7b44-p2k9x",
}
_KUBELET = {
    "job": "kubelet",
    "service": "kubelet",
    "endpoint": "https-metrics",
    "instance": "10.1.0.9:10250",
    "node": "pool-a-3",
    "metrics_path": "/metrics",
}
_CADVISOR = {**_KUBELET, "metrics_path": "/metrics/cadvisor", "id": "/kubepods/burstable/pod1"}
_NODE = {
    "job": "node-exporter",
    "service": "node-exporter",
    "namespace": "monitoring",
    "container": "kube-rbac-proxy",
    "pod": "node-exporter-k4d8z",
    "instance": "pool-a-3",
}
_KUBE = {"namespace": "books"}


def _exporter(name: str, **labels: str) -> dict[str, str]:
    """An exporter in its own pod, as an operator scrapes it."""
    return {
        "job": name,
        "service": name,
        "namespace": "books",
        "pod": f"{name}-7b9d6c5f48-w4x2k",
        "instance": "10.1.9.44:9187",
        "container": "exporter",
        **labels,
    }


OBJECTS: list[tuple[str, Mapping[str, str], str]] = [
    ("KubePodCrashLooping", {**_KSM, **_KUBE, "pod": "fluent-bit-a1b2c", "container": "fluent-bit"}, "fluent-bit"),
    ("KubePodCrashLooping", {**_KSM, **_KUBE, "pod": "kafka-main-0", "container": "kafka"}, "kafka-main"),
    ("KubeDeploymentRolloutStuck", {**_KSM, **_KUBE, "deployment": "search"}, "search"),
    ("KubeDeploymentGenerationMismatch", {**_HELM_KSM, **_KUBE, "deployment": "search-v2"}, "search-v2"),
    ("KubeStatefulSetReplicasMismatch", {**_KSM, **_KUBE, "statefulset": "catalog-db"}, "catalog-db"),
    ("KubeDaemonSetRolloutStuck", {**_KSM, "namespace": "logging", "daemonset": "fluent-bit"}, "fluent-bit"),
    ("KubeHpaMaxedOut", {**_KSM, **_KUBE, "horizontalpodautoscaler": "search"}, "search"),
    ("KubeHpaMaxedOut", {**_HELM_KSM, **_KUBE, "horizontalpodautoscaler": "search"}, "search"),
    ("KubeJobFailed", {**_KSM, **_KUBE, "job_name": "reindex-28951440"}, "reindex"),
    ("KubeJobNotCompleted", {**_HELM_KSM, **_KUBE, "job_name": "reindex-28951440"}, "reindex"),
    ("KubernetesCronjobFailing", {**_KSM, **_KUBE, "cronjob": "reindex"}, "reindex"),
    ("KubePdbNotEnoughHealthyPods", {**_KSM, **_KUBE, "poddisruptionbudget": "search"}, "search"),
    ("KubernetesReplicasetReplicasMismatch", {**_KSM, **_KUBE, "replicaset": "search-5b9c8d7f66"}, "search"),
    ("KubePodNotReady", {**_KUBE, "pod": "search-5b9c8d7f66-zk7w4"}, "search"),
    ("KubePodCrashLooping", {**_KSM, **_KUBE, "pod": "catalog-db-1", "container": "postgres"}, "catalog-db"),
    ("KubePodCrashLooping", {**_KSM, **_KUBE, "pod": "fluent-bit-w9x4d", "container": "fluent-bit"}, "fluent-bit"),
    ("KubePodCrashLooping", {**_KSM, **_KUBE, "pod": "reindex-28951440-c4f6g", "container": "run"}, "reindex"),
    (
        "KubePodCrashLooping",
        {**_KSM, "namespace": "monitoring", "pod": "node-exporter-k4d8z", "container": "node-exporter"},
        "node-exporter",
    ),
    ("KubeContainerWaiting", {**_KSM, **_KUBE, "pod": "web-7c4d5b6f99-b7v2n", "container": "nginx"}, "web"),
    (
        "KubeContainerWaiting",
        {
            **_HELM_KSM,
            "exported_pod": "web-7c4d5b6f99-b7v2n",
            "exported_namespace": "books",
            "exported_container": "web",
        },
        "web",
    ),
    ("KubernetesContainerOomKiller", {**_KSM, **_KUBE, "pod": "web-7c4d5b6f99-b7v2n", "node": "pool-a-3"}, "web"),
    ("KubePodCrashLooping", {**_KSM, "namespace": "kube-system", "pod": "etcd-cp-1", "container": "etcd"}, "etcd"),
    ("KubeQuotaAlmostFull", {**_KSM, **_KUBE, "resourcequota": "compute"}, "books"),
    ("CPUThrottlingHigh", {**_KUBE, "pod": "search-5b9c8d7f66-zk7w4", "container": "search"}, "search"),
    ("ContainerHighMemory", {**_CADVISOR, **_KUBE, "pod": "web-7c4d5b6f99-b7v2n", "container": "web"}, "web"),
    ("ContainerKilled", {"job": "cadvisor", "instance": "10.0.4.2:8080", "name": "billing"}, "billing"),
    (
        "KubePersistentVolumeFillingUp",
        {**_KUBELET, **_KUBE, "persistentvolumeclaim": "data-catalog-db-0"},
        "catalog-db",
    ),
    ("KubePersistentVolumeFillingUp", {**_KUBELET, **_KUBE, "persistentvolumeclaim": "storage-loki-0"}, "loki"),
    (
        "KubePersistentVolumeInodesFillingUp",
        {**_KUBELET, **_KUBE, "persistentvolumeclaim": "prometheus-k8s-db-prometheus-k8s-1"},
        "prometheus-k8s",
    ),
    (
        "KubePersistentVolumeFillingUp",
        {**_KUBELET, **_KUBE, "persistentvolumeclaim": "redis-data-cart-redis-2"},
        "cart-redis",
    ),
    ("KubePersistentVolumeFillingUp", {**_KUBELET, **_KUBE, "persistentvolumeclaim": "wiki-data"}, "wiki"),
    ("KubePersistentVolumeFillingUp", {**_KUBELET, **_KUBE, "persistentvolumeclaim": "orders-pg-1"}, "orders-pg"),
    ("KubeCPUOvercommit", {}, ""),
    ("KubeMemoryOvercommit", {**_KSM}, ""),
]

NODES: list[tuple[str, Mapping[str, str], str]] = [
    ("KubeNodeNotReady", {**_KSM, "node": "pool-a-3", "condition": "Ready"}, "pool-a-3"),
    ("KubeNodeUnreachable", {**_HELM_KSM, "namespace": "monitoring", "node": "pool-a-3"}, "pool-a-3"),
    ("KubeNodeReadinessFlapping", {"cluster": "eu", "node": "pool-a-3"}, "pool-a-3"),
    ("KubeletTooManyPods", {**_KSM, "node": "pool-a-3"}, "pool-a-3"),
    ("KubeletPlegDurationHigh", {"instance": "10.1.0.9:10250", "node": "pool-a-3", "quantile": "0.99"}, "pool-a-3"),
    ("KubeletClientCertificateExpiration", {**_KUBELET}, "pool-a-3"),
    ("NodeFilesystemSpaceFillingUp", {**_NODE, "device": "/dev/sda1", "mountpoint": "/"}, "pool-a-3"),
    ("NodeMemoryMajorPagesFaults", {**_NODE}, "pool-a-3"),
    ("NodeSystemdServiceFailed", {**_NODE, "name": "cron.service", "state": "failed"}, "pool-a-3"),
    ("NodeClockNotSynchronising", {**_NODE, "instance": "10.1.0.9:9100", "node": "pool-a-3"}, "pool-a-3"),
    (
        "NodeCPUHighUsage",
        {
            **_NODE,
            "service": "kube-prometheus-stack-prometheus-node-exporter",
            "pod": "kube-prometheus-stack-prometheus-node-exporter-k4d8z",
            "container": "node-exporter",
            "instance": "10.1.0.9:9100",
            "nodename": "pool-a-3",
        },
        "pool-a-3",
    ),
    ("HostHighCpuLoad", {"job": "node", "instance": "build-7:9100"}, "build-7"),
    ("HostOutOfDiskSpace", {"job": "node_exporter", "instance": "build-7.example.net:9100"}, "build-7.example.net"),
    ("WindowsServerCpuUsage", {"job": "windows-exporter", "instance": "build-8:9182"}, "build-8"),
    ("KubernetesNodeOutOfPodCapacity", {"node": "pool-a-3"}, "pool-a-3"),
]

EXPORTERS: list[tuple[str, Mapping[str, str], str]] = [
    ("PostgresqlTooManyConnections", _exporter("catalog-db-postgres-exporter"), "catalog-db"),
    ("PostgresqlDown", _exporter("catalog-db-prometheus-postgres-exporter"), "catalog-db"),
    ("PostgresqlReplicationLag", _exporter("postgres-exporter", server="catalog-db:5432"), "catalog-db"),
    ("PostgresqlDeadLocks", _exporter("postgres-exporter", server="catalog-db.books.svc:5432"), "catalog-db"),
    (
        "PostgresqlDown",
        _exporter("postgres-exporter", server="orders-db.c2x.eu-west-1.rds.amazonaws.com:5432"),
        "orders-db",
    ),
    ("RedisDown", _exporter("session-redis-exporter"), "session-redis"),
    ("RedisOutOfMemory", {"job": "redis-exporter", "instance": "redis://session-redis:6379"}, "session-redis"),
    ("MysqlDown", _exporter("mysqld-exporter-ledger"), "ledger"),
    (
        "RedisDown",
        {
            "job": "cart-redis-metrics",
            "service": "cart-redis-metrics",
            "namespace": "books",
            "pod": "cart-redis-master-0",
            "container": "metrics",
            "instance": "10.1.9.45:9121",
        },
        "cart-redis",
    ),
    ("KafkaConsumersGroupLag", _exporter("kafka-exporter", consumergroup="billing", topic="orders"), "billing"),
    ("KafkaTopicsReplicas", _exporter("kafka-exporter", topic="orders"), "orders"),
    ("KafkaLag", _exporter("kafka-lag-exporter", group="billing", topic="orders"), "billing"),
    ("RabbitmqTooManyReadyMessages", _exporter("rabbitmq-exporter", queue="mails"), "mails"),
    ("ElasticsearchClusterRed", _exporter("search-elasticsearch-exporter", color="red"), "search-elasticsearch"),
    ("HaproxyBackendDown", _exporter("haproxy-exporter", backend="search"), "search"),
    (
        "NginxIngressHigh5xx",
        {
            "job": "ingress-nginx-controller-metrics",
            "service": "ingress-nginx-controller-metrics",
            "namespace": "ingress-nginx",
            "pod": "ingress-nginx-controller-6f9d8c7b54-n4k2p",
            "exported_namespace": "books",
            "exported_service": "web",
            "ingress": "web-public",
        },
        "web",
    ),
    (
        "CertManagerCertExpirySoon",
        {
            "job": "cert-manager",
            "service": "cert-manager",
            "namespace": "cert-manager",
            "pod": "cert-manager-5c6866597-x7v2d",
            "name": "web-tls",
            "exported_namespace": "books",
        },
        "web-tls",
    ),
    ("RDSHighCPU", _exporter("cloudwatch-exporter", dimension_DBInstanceIdentifier="orders-db"), "orders-db"),
    ("RedisDown", {"job": "redis-exporter", "instance": "localhost:9121"}, "redis"),
    ("HaproxyServerDown", _exporter("haproxy-exporter", proxy="search", server="search-1:8080"), "search"),
    ("PostgresqlDown", _exporter("catalog-db-exporter", server="10.1.9.60:5432"), "catalog-db"),
    ("PostgresqlDown", _exporter("monitoring-prometheus-postgres-exporter"), "postgres"),
]

PROBES: list[tuple[str, Mapping[str, str], str]] = [
    (
        "ProbeFailed",
        {"job": "blackbox", "instance": "blackbox-exporter:9115", "target": "https://www.books.example/"},
        "www.books.example",
    ),
    (
        "ProbeFailed",
        {"job": "probe/monitoring/public", "namespace": "monitoring", "instance": "https://www.books.example/"},
        "www.books.example",
    ),
    ("BlackboxProbeFailed", {"job": "blackbox", "instance": "http://web.books.svc.cluster.local:8080/healthz"}, "web"),
    (
        "BlackboxSslCertificateWillExpireSoon",
        {"job": "blackbox-exporter", "instance": "https://pay.books.example"},
        "pay.books.example",
    ),
    ("BlackboxProbeHttpFailure", {"job": "blackbox", "service": "web", "instance": "https://www.books.example"}, "web"),
    (
        "ProbeFailed",
        {"job": "probe/monitoring/tcp", "instance": "catalog-db.books:5432", "target": "catalog-db"},
        "catalog-db.books",
    ),
]

TARGETS: list[tuple[str, Mapping[str, str], str]] = [
    (
        "TargetDown",
        {"job": "kube-state-metrics", "namespace": "monitoring", "service": "kube-state-metrics"},
        "kube-state-metrics",
    ),
    (
        "TargetDown",
        {"job": "kubelet", "namespace": "kube-system", "service": "kube-prometheus-stack-kubelet"},
        "kubelet",
    ),
    (
        "TargetDown",
        {"job": "catalog-db-exporter", "namespace": "books", "service": "catalog-db-exporter"},
        "catalog-db-exporter",
    ),
    ("TargetDown", {"job": "search", "namespace": "books", "service": "search"}, "search"),
    ("TargetDown", {"job": "books/search", "namespace": "books"}, "search"),
    ("KubeletDown", {"job": "kubelet"}, "kubelet"),
    ("KubeStateMetricsListErrors", {**_KSM}, "kube-state-metrics"),
]

PLAIN: list[tuple[str, Mapping[str, str], str]] = [
    ("MysqlSlowQueries", {"job": "mysql", "instance": "ledger-db:3306"}, "mysql"),
    ("CPUSaturated", {"service": "search-pool", "job": "node", "instance": "pool-a-3:9100"}, "search-pool"),
    ("HighLatency", {"service": "search", "instance": "10.0.0.9:8080"}, "search"),
    ("HighLatency", {"app": "search", "job": "kubernetes-pods", "pod": "search-5b9c8d7f66-zk7w4"}, "search"),
    ("HighLatency", {"job": "search", "instance": "web-1:8080"}, "search"),
    ("HighLatency", {"service": "search", "deployment": "search-blue", "node": "pool-a-3"}, "search"),
    ("HighLatency", {"job": "kubernetes-pods", "pod": "search-5b9c8d7f66-zk7w4", "node": "pool-a-3"}, "search"),
    ("HighLatency", {"job": "books/search", "pod": "search-5b9c8d7f66-zk7w4"}, "search"),
    ("QueueGrows", {"service": "billing", "queue": "mails", "topic": "orders"}, "billing"),
    ("NodeJsEventLoopLag", {"job": "web", "node": "pool-a-3", "instance": "10.0.0.9:3000"}, "web"),
    (
        "PrometheusBadConfig",
        {"job": "prometheus-k8s", "service": "prometheus-k8s", "pod": "prometheus-k8s-0"},
        "prometheus-k8s",
    ),
    (
        "CoreDNSErrorsHigh",
        {"job": "coredns", "service": "kube-prometheus-stack-coredns", "pod": "coredns-5d78c9869d-w7x2f"},
        "coredns",
    ),
    (
        "etcdMembersDown",
        {"job": "kube-etcd", "service": "kube-prometheus-stack-kube-etcd", "pod": "etcd-cp-1"},
        "kube-etcd",
    ),
    ("etcdNoLeader", {"job": "etcd", "pod": "etcd-cp-1", "instance": "10.0.0.1:2379"}, "etcd"),
    ("KubeAPIDown", {"job": "apiserver"}, "apiserver"),
    ("KubeClientErrors", {"job": "apiserver", "service": "kubernetes", "instance": "10.0.0.1:6443"}, "apiserver"),
    ("IstioHighErrors", {"destination_service_name": "search", "reporter": "source"}, "search"),
    ("Unlabelled", {"severity": "warning"}, ""),
]
