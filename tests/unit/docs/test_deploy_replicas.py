"""What deploy/ says of several replicas: who does what, what they share, and how they come and go."""

from pathlib import Path
from typing import Any

import pytest

from bot.cluster.roles import Role
from bot.cluster.shared_leases import HANDOVER_SECONDS
from bot.components.http import CLOSE_SECONDS
from bot.components.pipeline import DRAIN_SECONDS
from bot.config.environment import Environment
from tests.unit.docs.manifests import DEPLOY, ONE, SEVERAL, environment_of, made, read, resources

STEP_SECONDS = 10
"""So long a step of a run may end when its process leaves."""


@pytest.fixture(scope="module")
def pod() -> dict[str, Any]:
    """Of one replica."""
    [deployment] = [manifest for manifest in resources(ONE) if manifest["kind"] == "Deployment"]
    pod: dict[str, Any] = deployment["spec"]["template"]["spec"]
    return pod


@pytest.fixture(scope="module")
def several() -> dict[tuple[str, str], dict[str, Any]]:
    """Of doors and workers, by kind and name."""
    return {(manifest["kind"], manifest["metadata"]["name"]): manifest for manifest in resources(SEVERAL)}


@pytest.fixture(scope="module")
def pods(several: dict[tuple[str, str], dict[str, Any]]) -> dict[Role, dict[str, Any]]:
    names = {role: f"tandem-{role}" for role in (Role.DOORS, Role.WORKERS)}
    return {role: several["Deployment", name]["spec"]["template"]["spec"] for role, name in names.items()}


@pytest.mark.parametrize("role", [Role.DOORS, Role.WORKERS])
def test_doors_and_workers_are_three_each_that_go_one_by_one(
    several: dict[tuple[str, str], dict[str, Any]], role: Role
) -> None:
    deployment = several["Deployment", f"tandem-{role}"]["spec"]
    component = {"app.kubernetes.io/component": role.value}
    assert deployment["replicas"] == 3
    assert deployment["strategy"]["rollingUpdate"] == {"maxUnavailable": 0, "maxSurge": 1}
    assert deployment["selector"]["matchLabels"] == deployment["template"]["metadata"]["labels"] == component
    for spread in deployment["template"]["spec"]["topologySpreadConstraints"]:
        assert spread["labelSelector"]["matchLabels"] == component
    budget = several["PodDisruptionBudget", f"tandem-{role}"]["spec"]
    assert budget["selector"]["matchLabels"] == component
    assert 0 < budget["minAvailable"] < deployment["replicas"], "anything more blocks a drain for ever"


def test_requests_go_to_doors_and_only_to_those_that_are_ready(several: dict[tuple[str, str], dict[str, Any]]) -> None:
    service = several["Service", "tandem"]["spec"]
    assert service["selector"] == {"app.kubernetes.io/component": Role.DOORS.value}
    assert "publishNotReadyAddresses" not in service


def test_a_pod_of_several_is_what_the_one_pod_is_but_for_what_they_share(
    pods: dict[Role, dict[str, Any]], pod: dict[str, Any]
) -> None:
    own = {"terminationGracePeriodSeconds", "topologySpreadConstraints", "containers", "volumes"}
    of_container = ("securityContext", "ports", "startupProbe", "livenessProbe", "readinessProbe")
    for each in pods.values():
        assert {key: value for key, value in each.items() if key not in own} == {
            key: value for key, value in pod.items() if key not in own
        }
        [container], [like] = each["containers"], pod["containers"]
        assert {key: container[key] for key in of_container} == {key: like[key] for key in of_container}
        assert container["resources"]["limits"]["memory"]
        assert {mount["name"] for mount in container["volumeMounts"]} == {volume["name"] for volume in each["volumes"]}


def test_each_pod_of_several_knows_its_role_and_its_name_and_has_its_secrets_by_reference(
    pods: dict[Role, dict[str, Any]],
) -> None:
    known = {field.validation_alias for field in Environment.model_fields.values()}
    for role, each in pods.items():
        environment = environment_of(each)
        assert set(environment) <= known
        assert environment["TANDEM_ROLE"] == role.value
        assert environment["TANDEM_REPLICA"] == {"fieldRef": {"fieldPath": "metadata.name"}}
        assert environment["TANDEM_DATABASE_URL"]["secretKeyRef"]["name"] == "tandem"
        assert {"secretRef": {"name": "tandem"}} in each["containers"][0]["envFrom"]


def test_what_all_replicas_must_see_is_on_a_volume_that_all_may_write_to(
    several: dict[tuple[str, str], dict[str, Any]], pods: dict[Role, dict[str, Any]]
) -> None:
    assert several["PersistentVolumeClaim", "tandem-shared"]["spec"]["accessModes"] == ["ReadWriteMany"]
    for each in pods.values():
        [volume] = [volume for volume in each["volumes"] if "persistentVolumeClaim" in volume]
        assert volume["persistentVolumeClaim"]["claimName"] == "tandem-shared"
        [mount] = [mount for mount in each["containers"][0]["volumeMounts"] if mount["name"] == volume["name"]]
        environment = environment_of(each)
        places = {environment[name] for name in ("TANDEM_MODEL_STORE", "TANDEM_ARCHIVE") if name in environment}
        assert places
        assert all(place.startswith(mount["mountPath"] + "/") for place in places)
    assert "TANDEM_ARCHIVE" in environment_of(pods[Role.WORKERS])


def test_a_pod_of_several_has_the_time_that_leaving_takes(pods: dict[Role, dict[str, Any]]) -> None:
    before = int(pods[Role.DOORS]["containers"][0]["lifecycle"]["preStop"]["exec"]["command"][1])
    doors = before + 2 * CLOSE_SECONDS + HANDOVER_SECONDS
    workers = HANDOVER_SECONDS + 2 * CLOSE_SECONDS + DRAIN_SECONDS + STEP_SECONDS + HANDOVER_SECONDS
    assert pods[Role.DOORS]["terminationGracePeriodSeconds"] > doors
    assert pods[Role.WORKERS]["terminationGracePeriodSeconds"] > workers


@pytest.mark.parametrize(("folder", "ports"), [(ONE, {443, 5432}), (SEVERAL, {443, 5432, 4222, 4318})])
def test_out_go_slack_and_postgresql_and_of_several_replicas_nats_and_traces(folder: Path, ports: set[int]) -> None:
    [policy] = [manifest for manifest in made(folder) if manifest["kind"] == "NetworkPolicy"]
    dns, world = policy["spec"]["egress"]
    assert {port["port"] for port in dns["ports"]} == {53}
    assert {"ipBlock": {"cidr": "169.254.20.10/32"}} in dns["to"], "NodeLocal DNSCache listens on the node"
    assert {port["port"] for port in world["ports"]} == ports


def test_the_compose_file_of_replicas_has_doors_and_workers_that_are_else_what_the_other_file_has() -> None:
    one, several = read(DEPLOY / "compose.yaml"), read(DEPLOY / "compose.replicas.yaml")
    own = {"scale", "ports", "environment", "stop_grace_period"}
    for role in (Role.DOORS, Role.WORKERS):
        service = several["services"][role.value]
        assert service["scale"] == 3
        assert service["environment"] == one["services"]["tandem"]["environment"] | {"TANDEM_ROLE": role.value}
        assert {key: value for key, value in service.items() if key not in own} == {
            key: value for key, value in one["services"]["tandem"].items() if key not in own
        }
    first, last = several["services"]["doors"]["ports"][0].split(":")[1].split("-")
    assert int(last) - int(first) + 1 == several["services"]["doors"]["scale"], "a port of the machine for each"
    assert "ports" not in several["services"]["workers"]
    command = several["services"]["postgresql"].pop("command")
    assert several["services"]["postgresql"] == one["services"]["postgresql"]
    assert command[-1].startswith("max_connections=")
