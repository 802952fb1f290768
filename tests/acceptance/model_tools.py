"""Documents of other people's monitors, made by the tools themselves: ``PYTHON model_tools.py evidently`` prints them.

It runs in an environment of the tool, which is not ours: ``TANDEM_EVIDENTLY_PYTHON``, ``TANDEM_NANNYML_PYTHON`` and
``TANDEM_MLFLOW_PYTHON`` name its Python. The files in tests/unit/model_tools are what it printed, with the version.
"""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

SECRET = "s3cret-of-mlflow"
Json = dict[str, Any]


def python_of(tool: str) -> str:
    """The Python in which a tool is installed; empty where none is named, or it is not there."""
    named = os.environ.get(f"TANDEM_{tool.upper()}_PYTHON", "")
    return named if Path(named).is_file() else ""


def made_by(tool: str) -> Json:
    """What the tool itself writes, made now. Raises CalledProcessError where it fails."""
    quiet = os.environ | {"NML_DISABLE_USAGE_LOGGING": "1", "DO_NOT_TRACK": "1"}
    ran = subprocess.run([python_of(tool), __file__, tool], check=True, capture_output=True, env=quiet, timeout=120)
    said: Json = json.loads(ran.stdout.splitlines()[-1])
    return said


def _evidently() -> Json:
    """Reports on a price that moved and a stock that did not: with tests, without, and of the versions before 0.7."""
    import evidently  # noqa: PLC0415
    import numpy as np  # noqa: PLC0415
    import pandas as pd  # noqa: PLC0415
    from evidently.legacy.metric_preset import DataDriftPreset as OldDrift  # noqa: PLC0415
    from evidently.legacy.report import Report as OldReport  # noqa: PLC0415
    from evidently.legacy.test_preset import DataDriftTestPreset  # noqa: PLC0415
    from evidently.legacy.test_suite import TestSuite  # noqa: PLC0415
    from evidently.metrics import MissingValueCount  # noqa: PLC0415
    from evidently.presets import DataDriftPreset  # noqa: PLC0415
    from evidently.tests import eq  # noqa: PLC0415

    random = np.random.default_rng(7)
    before = pd.DataFrame({"price": random.normal(10, 1, 300), "stock": random.normal(0, 1, 300)})
    now = pd.DataFrame({"price": random.normal(13, 1, 300), "stock": random.normal(0, 1, 300)})
    now.loc[:9, "stock"] = np.nan
    missing = MissingValueCount(column="stock", tests=[eq(0)])
    tested = evidently.Report([DataDriftPreset(), missing], include_tests=True).run(now, before)
    suite = TestSuite(tests=[DataDriftTestPreset()])
    old = OldReport(metrics=[OldDrift()])
    for one in (suite, old):
        one.run(reference_data=before, current_data=now)
    return {
        "version": evidently.__version__,
        "report": json.loads(tested.json()),
        "untested": json.loads(evidently.Report([DataDriftPreset()]).run(now, before).json()),
        "old suite": json.loads(suite.json()),
        "old report": json.loads(old.json()),
    }


def _nannyml() -> Json:
    """Results on two chunks, of which the second has another price, no region that was known, and wrong predictions."""
    import warnings  # noqa: PLC0415

    import nannyml  # noqa: PLC0415
    import numpy as np  # noqa: PLC0415
    import pandas as pd  # noqa: PLC0415

    warnings.simplefilter("ignore")
    random = np.random.default_rng(7)

    def made(rows: int, begin: str) -> Any:
        sure = random.uniform(0, 1, rows)
        columns = {"when": pd.date_range(begin, periods=rows, freq="min"), "price": random.normal(10, 1, rows)}
        columns |= {"region": random.choice(["eu", "us"], rows), "sure": sure, "said": (sure > 0.5).astype(int)}
        return pd.DataFrame(columns | {"was": (random.uniform(0, 1, rows) < sure).astype(int)})

    before, now = made(3000, "2026-01-01"), made(2000, "2026-02-01")
    now.loc[1000:, "price"] += 3
    now.loc[1000:, "region"] = "zz"
    now.loc[1000:, "was"] = 1 - now.loc[1000:, "said"]
    kept = {"timestamp_column_name": "when", "chunk_size": 1000}
    model = {"problem_type": "classification_binary", "y_pred_proba": "sure", "y_pred": "said", "y_true": "was"}
    # Its own thresholds rest on the reference's few chunks, and would fire by chance.
    bounds = {name: nannyml.thresholds.ConstantThreshold(upper=0.3) for name in ("wasserstein", "jensen_shannon")}
    drift = nannyml.UnivariateDriftCalculator(
        ["price", "region"], continuous_methods=["wasserstein"], thresholds=bounds, **kept
    )
    drifted = drift.fit(before).calculate(now).filter(period="analysis")
    done = nannyml.PerformanceCalculator(metrics=["accuracy"], **model, **kept).fit(before).calculate(now)
    feared = nannyml.CBPE(metrics=["accuracy"], **model, **kept).fit(before).estimate(now)
    unseen = nannyml.UnseenValuesCalculator(column_names=["region"], **kept).fit(before).calculate(now)
    whole = nannyml.DataReconstructionDriftCalculator(column_names=["price", "sure"], **kept).fit(before).calculate(now)

    def rows(result: Any, several: bool = False) -> Any:
        return json.loads(result.to_df(multilevel=several).to_json(orient="records", date_format="iso"))

    found = {"drift": rows(drifted), "drift of two levels": rows(drifted, True), "performance": rows(done)}
    found |= {"estimated": rows(feared), "unseen": rows(unseen), "reconstruction": rows(whole)}
    return {"version": nannyml.__version__, **found}


def _mlflow() -> Json:
    """Its example payloads of every event, as its own code envelops and signs them."""
    import mlflow  # noqa: PLC0415
    from mlflow.entities.webhook import VALID_ENTITY_ACTIONS, WebhookEvent  # noqa: PLC0415
    from mlflow.webhooks.delivery import _generate_hmac_signature  # noqa: PLC0415
    from mlflow.webhooks.types import get_example_payload_for_event  # noqa: PLC0415

    deliveries: list[Json] = []
    for entity, actions in VALID_ENTITY_ACTIONS.items():
        for action in sorted(actions, key=str):
            data = get_example_payload_for_event(WebhookEvent(entity, action))
            told = {"entity": entity.value, "action": action.value}
            body = json.dumps(told | {"timestamp": "2026-03-01T11:59:00.123456+00:00", "data": data})
            known, at = f"7fccec04-0533-4cdd-93f5-{len(deliveries):012}", "1772366340"
            headers = {"x-mlflow-delivery-id": known, "x-mlflow-timestamp": at}
            headers["x-mlflow-signature"] = _generate_hmac_signature(SECRET, known, at, body)
            deliveries.append({"headers": headers, "body": body})
    return {"version": mlflow.__version__, "secret": SECRET, "deliveries": deliveries}


if __name__ == "__main__":
    print(json.dumps({"evidently": _evidently, "nannyml": _nannyml, "mlflow": _mlflow}[sys.argv[1]]()))
