"""``kubernetes`` of tandem.yaml and its steps: what is wrong is said with its line and the nearest right key."""

import re
from pathlib import Path

import pytest

from bot.config import load_config
from bot.domain.runbook import Runbook
from bot.errors import ConfigError
from bot.remediation.planning import check_templates, make_plan

_RUNBOOK = """runbooks:
  restart:
    title: Restart
    when: {service: checkout}
    steps:
      - kubernetes: {action: restart, object: deployment/checkout, namespace: NAMESPACE}
    approval: {approvers: [U012AB3CD]}
"""


def _refused(tmp_path: Path, text: str) -> str:
    path = tmp_path / "tandem.yaml"
    path.write_text(text)
    with pytest.raises(ConfigError) as refused:
        load_config(path)
    return str(refused.value).replace(f"{path}:", "")


def test_the_section_is_taken_as_the_contract_writes_it(tmp_path: Path) -> None:
    path = tmp_path / "tandem.yaml"
    path.write_text("kubernetes: {context: in-cluster, namespaces: [shop], watch: true, evidence: true}\n")
    section = load_config(path)[0].kubernetes
    assert section is not None
    assert (section.context, section.namespaces, section.watch, section.evidence) == (
        "in-cluster",
        ["shop"],
        True,
        True,
    )


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("kubernetes: {namespace: [shop]}", "1: kubernetes.namespace: is no known key; did you mean 'namespaces'?"),
        ("kubernetes: {namespaces: [Shop]}", "String should match pattern"),
        ("kubernetes: {watch: maybe}", "kubernetes.watch"),
    ],
)
def test_a_wrong_key_is_named_with_the_nearest_right_one(tmp_path: Path, text: str, why: str) -> None:
    assert why in _refused(tmp_path, text)


def test_a_step_needs_a_cluster_and_stays_within_its_namespaces(tmp_path: Path) -> None:
    assert "there is no cluster: describe it" in _refused(tmp_path, _RUNBOOK.replace("NAMESPACE", "shop"))
    elsewhere = "kubernetes: {namespaces: [shop]}\n" + _RUNBOOK.replace("NAMESPACE", "bank")
    assert "7: runbooks.restart.steps.0.kubernetes.namespace: 'bank' is none of" in _refused(tmp_path, elsewhere)


def test_a_wrong_key_of_a_step_is_named_with_the_nearest_right_one(tmp_path: Path) -> None:
    text = "kubernetes: {}\n" + _RUNBOOK.replace("namespace: NAMESPACE", "namespace: shop, replcas: 3")
    assert "did you mean 'replicas'?" in _refused(tmp_path, text)


def test_without_the_extra_the_section_says_how_to_install_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bot.config.kubernetes.installed", lambda: False)
    assert 'pip install "tandem-chatops[kubernetes]"' in _refused(tmp_path, "kubernetes: {}")


def _examples() -> list[str]:
    page = (Path(__file__).parents[3] / "docs" / "kubernetes.md").read_text()
    return [block for block in re.findall(r"```yaml\n(.*?)```", page, re.DOTALL) if not block.startswith("steps:")]


@pytest.mark.parametrize("example", _examples(), ids=lambda text: text.split(":")[0])
def test_what_the_page_shows_is_valid(tmp_path: Path, example: str) -> None:
    path = tmp_path / "tandem.yaml"
    path.write_text(example if example.startswith("kubernetes:") else f"kubernetes: {{}}\n{example}")
    assert load_config(path)[0].kubernetes is not None


def test_placeholders_and_numbers_are_filled_in_as_what_they_are() -> None:
    steps = [
        {
            "kubernetes": {
                "action": "scale",
                "object": "deployment/${service}",
                "namespace": "shop",
                "replicas": "${parameters.replicas}",
            }
        },
        {"kubernetes": {"action": "undo", "object": "deployment/${service}", "namespace": "shop", "to_revision": 3}},
        {
            "kubernetes": {
                "action": "patch",
                "object": "hpa/${service}",
                "namespace": "shop",
                "set": {"spec.minReplicas": "${parameters.replicas}"},
            }
        },
    ]
    runbook = Runbook.model_validate(
        {
            "title": "Scale",
            "when": {"service": "checkout"},
            "parameters": {"replicas": {"type": "integer", "min": 1, "max": 9, "default": 5}},
            "steps": steps,
            "approval": {"approvers": ["U012AB3CD"]},
        }
    )
    check_templates(runbook)
    plan = make_plan("scale", runbook, {"service": "checkout"})
    scale, undo, patch = (step.parameters for step in plan.steps)
    assert (scale["object"], scale["replicas"]) == ("deployment/checkout", 5)
    assert undo["to_revision"] == "3"
    assert patch["set"] == {"spec.minReplicas": 5}
    assert plan.steps[0].text.startswith("kubernetes: scale deployment/checkout in shop to 5 replicas")
