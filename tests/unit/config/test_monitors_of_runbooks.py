"""What a runbook names by a shorter word."""

from pathlib import Path

import yaml

from bot.config import load_config


def _monitor(path: Path, *monitors: dict[str, str]) -> str | None:
    runbook = {
        "title": "Retrain",
        "when": {"model": "demand"},
        "steps": [{"command": {"argv": ["retrain"]}}],
        "verify": {"monitor": "demand/performance"},
        "approval": {"approvers": ["U1"]},
    }
    models = {"demand": {"monitors": list(monitors)}}
    path.write_text(yaml.safe_dump({"models": models, "runbooks": {"retrain": runbook}}))
    config, _ = load_config(path)
    return config.runbooks["retrain"].verify.monitor


def test_a_runbook_names_a_monitor_by_its_kind_where_the_model_has_one_of_it(tmp_path: Path) -> None:
    mae, rmse = ({"kind": "performance", "metric": metric} for metric in ("mae", "rmse"))
    path = tmp_path / "tandem.yaml"
    assert _monitor(path, mae) == "demand/performance-mae"
    assert _monitor(path, mae, {**rmse, "name": "performance"}) == "demand/performance"
