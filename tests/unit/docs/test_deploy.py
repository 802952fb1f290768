"""What deploy/ says of Tandem is true of it: its metrics exist, its paths answer, its schemas hold."""

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import REGISTRY
from prometheus_client.metrics import MetricWrapperBase

import bot.observability.metrics as tandem_metrics
from bot.config.environment import Environment
from tests.unit.docs.manifests import DEPLOY, ONE, SEVERAL, made, read, resources

DASHBOARDS = sorted(file.name for file in (DEPLOY / "grafana").glob("*.json"))
RULES = DEPLOY / "prometheus" / "rules.yaml"
KUBERNETES = "1.32"
KINDS = {
    "Namespace",
    "ServiceAccount",
    "ConfigMap",
    "Service",
    "PersistentVolumeClaim",
    "Deployment",
    "PodDisruptionBudget",
    "NetworkPolicy",
}


@pytest.fixture(scope="module")
def manifests() -> dict[str, Any]:
    """Of one replica, by kind."""
    return {manifest["kind"]: manifest for manifest in resources(ONE)}


@pytest.fixture(scope="module")
def pod(manifests: dict[str, Any]) -> dict[str, Any]:
    pod: dict[str, Any] = manifests["Deployment"]["spec"]["template"]["spec"]
    return pod


def _metric_names() -> set[str]:
    """Everything that an expression may name: of a histogram its parts, of a counter its total."""
    assert tandem_metrics.INBOX_LAG
    parts = {"histogram": ("_bucket", "_sum", "_count"), "counter": ("_total",), "gauge": ("",)}
    return {
        family.name + part
        for family in REGISTRY.collect()
        if family.name.startswith("tandem_")
        for part in parts[family.type]
    }


def _rules() -> Iterator[dict[str, Any]]:
    for group in read(RULES)["groups"]:
        yield from group["rules"]


def _dashboard(name: str) -> dict[str, Any]:
    dashboard: dict[str, Any] = json.loads((DEPLOY / "grafana" / name).read_text(encoding="utf-8"))
    return dashboard


def _expressions() -> Iterator[str]:
    yield from (rule["expr"] for rule in _rules())
    for name in DASHBOARDS:
        yield from (target["expr"] for panel in _dashboard(name)["panels"] for target in panel["targets"])


def test_every_metric_of_the_rules_and_the_dashboard_exists() -> None:
    named = {name for expression in _expressions() for name in re.findall(r"\btandem_\w+", expression)}
    assert len(named) > 10
    assert named <= _metric_names()


def test_every_rule_says_how_bad_it_is_and_what_to_do() -> None:
    for rule in _rules():
        assert rule["labels"]["severity"] in {"critical", "warning", "info", "none"}, rule["alert"]
        assert {"summary", "description"} <= set(rule["annotations"]), rule["alert"]


def test_every_rule_has_a_test_in_which_it_fires_and_one_in_which_it_does_not() -> None:
    tests = read(DEPLOY / "prometheus" / "rules_test.yaml")["tests"]
    cases = [case for test in tests for case in test["alert_rule_test"]]
    names = {rule["alert"] for rule in _rules()}
    assert {case["alertname"] for case in cases if case["exp_alerts"]} == names
    assert {case["alertname"] for case in cases if not case["exp_alerts"]} == names


@pytest.mark.parametrize("arguments", [("check", "rules", "rules.yaml"), ("test", "rules", "rules_test.yaml")])
def test_promtool_agrees_with_the_rules(arguments: tuple[str, ...]) -> None:
    promtool = shutil.which("promtool")
    if promtool is None:
        pytest.skip("promtool is not installed (Debian: apt-get install prometheus)")
    told = subprocess.run([promtool, *arguments], cwd=RULES.parent, capture_output=True, text=True, check=False)
    assert told.returncode == 0, told.stdout + told.stderr


@pytest.mark.parametrize("name", DASHBOARDS)
def test_no_two_panels_of_a_dashboard_have_one_number_or_one_place(name: str) -> None:
    panels = _dashboard(name)["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels)
    cells = [
        (x, y)
        for place in (panel["gridPos"] for panel in panels)
        for x in range(place["x"], place["x"] + place["w"])
        for y in range(place["y"], place["y"] + place["h"])
    ]
    assert len(set(cells)) == len(cells)
    assert max(x for x, _ in cells) < 24


@pytest.mark.parametrize("name", DASHBOARDS)
def test_what_a_dashboard_asks_for_is_promql_over_labels_and_variables_that_exist(name: str) -> None:
    dashboard = _dashboard(name)
    variables = {variable["name"] for variable in dashboard["templating"]["list"]} | {"__rate_interval"}
    kept = [family for family in vars(tandem_metrics).values() if isinstance(family, MetricWrapperBase)]
    labels = {family._name: set(family._labelnames) for family in kept}
    for expression in (target["expr"] for panel in dashboard["panels"] for target in panel["targets"]):
        assert set(re.findall(r"\$(\w+)", expression)) <= variables, expression
        for metric, matchers in re.findall(r"\b(tandem_\w+?)(?:_total|_bucket|_sum|_count)?\{([^}]*)\}", expression):
            asked = set(re.findall(r"(\w+)\s*(?:=~|!~|!=|=)", matchers)) - {"job", "instance"}
            assert asked <= labels[metric] | {"le"}, expression


def test_one_dashboard_shows_how_incidents_go_for_teams_and_services() -> None:
    dashboard = _dashboard("incidents.json")
    asked = " ".join(target["expr"] for panel in dashboard["panels"] for target in panel["targets"])
    for figure in ("incidents", "mtta_seconds", "mttr_seconds", "noise", "reopened", "nights", "verified"):
        assert f'tandem_review_{figure}{{days="$days",by="$by"' in asked, figure
        assert f'tandem_review_{figure}{{days="$days",by="all"' in asked, figure
    choices = {one["name"]: one.get("query") for one in dashboard["templating"]["list"]}
    assert choices["by"] == "team,service"
    assert choices["days"] == "7,30"


def test_one_dashboard_shows_models_and_asks_for_every_metric_of_them() -> None:
    dashboard = _dashboard("models.json")
    asked = " ".join(target["expr"] for panel in dashboard["panels"] for target in panel["targets"])
    kept = [one._name for one in vars(tandem_metrics).values() if isinstance(one, MetricWrapperBase)]
    ours = [name for name in kept if re.match(r"tandem_model_(monitor_(?!s)|column_|series_|checks)", name)]
    assert len(ours) == 8
    assert [name for name in ours if name not in asked] == []
    assert {"model", "monitor"} <= {one["name"] for one in dashboard["templating"]["list"]}


def test_the_manifests_run_one_replica_that_a_new_version_replaces(manifests: dict[str, Any]) -> None:
    assert set(manifests) == KINDS - {"ConfigMap"}
    deployment = manifests["Deployment"]["spec"]
    assert deployment["replicas"] == 1
    assert deployment["strategy"] == {"type": "Recreate"}
    assert manifests["PodDisruptionBudget"]["spec"]["maxUnavailable"] == 1, "anything less blocks a drain for ever"


def test_the_pod_has_no_rights_that_it_does_not_need(pod: dict[str, Any]) -> None:
    assert pod["securityContext"]["runAsNonRoot"]
    assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert pod["automountServiceAccountToken"] is False
    [container] = pod["containers"]
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert container["resources"]["limits"]["memory"]
    assert "env" not in container, "secrets come by reference"


def test_the_probes_and_the_ports_are_those_of_the_doors(manifests: dict[str, Any], pod: dict[str, Any]) -> None:
    [container] = pod["containers"]
    probes = {name: container[name]["httpGet"] for name in ("startupProbe", "livenessProbe", "readinessProbe")}
    assert {name: probe["path"] for name, probe in probes.items()} == {
        "startupProbe": "/healthz",
        "livenessProbe": "/healthz",
        "readinessProbe": "/readyz",
    }
    [port] = container["ports"]
    assert port["containerPort"] == 8080
    assert {probe["port"] for probe in probes.values()} == {port["name"]}
    assert manifests["Service"]["spec"]["publishNotReadyAddresses"], "trouble with Slack must not close the doors"
    [served] = manifests["Service"]["spec"]["ports"]
    assert served["targetPort"] == port["name"]
    [rule] = manifests["NetworkPolicy"]["spec"]["ingress"]
    assert rule["ports"] == [{"protocol": "TCP", "port": port["containerPort"]}]


def test_what_is_mounted_is_there_to_be_mounted(pod: dict[str, Any]) -> None:
    [container] = pod["containers"]
    assert {mount["name"] for mount in container["volumeMounts"]} == {volume["name"] for volume in pod["volumes"]}
    assert {mount["mountPath"] for mount in container["volumeMounts"]} == {"/data", "/tmp", "/etc/tandem"}


@pytest.mark.parametrize("folder", [ONE, SEVERAL])
def test_what_kustomize_makes_of_the_manifests_has_the_schemas_of_kubernetes(folder: Path) -> None:
    validator = pytest.importorskip(
        "kubernetes_validate", reason="kubernetes-validate is not installed (108 MB: pip install kubernetes-validate)"
    )
    manifests = made(folder)
    assert {manifest["kind"] for manifest in manifests} == KINDS
    for manifest in manifests:
        validator.validate(manifest, KUBERNETES, strict=True)


@pytest.mark.parametrize("name", ["compose.yaml", "compose.replicas.yaml"])
def test_the_compose_files_have_the_schema_of_compose(name: str) -> None:
    pytest.importorskip("check_jsonschema", reason="check-jsonschema is not installed (group dev)")
    command = (sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.compose-spec")
    told = subprocess.run([*command, str(DEPLOY / name)], capture_output=True, text=True, check=False)
    assert told.returncode == 0, told.stdout + told.stderr


def test_the_compose_file_waits_for_postgresql_and_writes_to_its_volumes_only() -> None:
    compose = read(DEPLOY / "compose.yaml")
    tandem, postgresql = compose["services"]["tandem"], compose["services"]["postgresql"]
    assert tandem["depends_on"] == {"postgresql": {"condition": "service_healthy"}}
    assert tandem["healthcheck"]["test"]
    assert postgresql["healthcheck"]["test"]
    assert tandem["read_only"]
    assert tandem["cap_drop"] == ["ALL"]
    named = {volume.partition(":")[0] for service in (tandem, postgresql) for volume in service["volumes"]}
    assert {name for name in named if not name.startswith(".")} == set(compose["volumes"])


def test_the_example_environment_names_only_what_is_read_and_holds_no_secret() -> None:
    lines = (DEPLOY / "compose.env.example").read_text(encoding="utf-8").splitlines()
    given = dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))
    known = {field.validation_alias for field in Environment.model_fields.values()}
    assert set(given) <= known | {"POSTGRESQL_PASSWORD"}
    assert not any(given.values())


def test_the_image_runs_as_nobody_special_and_holds_no_part_that_only_tests_need() -> None:
    text = (DEPLOY / "Containerfile").read_text(encoding="utf-8")
    instructions = [line.strip() for line in text.splitlines() if not line.lstrip().startswith("#")]
    assert "USER 65532:65532" in instructions
    assert any(line.startswith("HEALTHCHECK") for line in instructions)
    assert not any("--group" in line or "alibi" in line for line in instructions)
    assert re.findall(r"--extra[ =](\S+)", text) == ["kubernetes"], "it runs in a cluster, which it may look at"
    copied = {line.split()[1] for line in instructions if line.startswith("COPY") and "--from" not in line}
    assert all((DEPLOY.parent / name).exists() for name in copied)
    let_in = (DEPLOY / "Containerfile.dockerignore").read_text(encoding="utf-8").split()
    assert copied <= {name.removeprefix("!") for name in let_in}
