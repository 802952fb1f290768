"""alibi-detect in a process of its own, in any Python that has it: requests on stdin, answers on stdout.

Run as a file, never imported by the bot: it knows nothing but numpy and alibi-detect, which is slow to import, needs
other versions of what we need, and is under a licence of its own. A message is four bytes of length (big-endian) and
so many bytes: a request is a line of JSON and then an .npz, an answer is JSON.
"""

import hashlib
import importlib.util
import io
import json
import os
import struct
import sys
from typing import Any, BinaryIO

import numpy as np

MOST_KEPT = 8
kept: dict[str, list[Any]] = {}
"""Online detectors whose thresholds were found, by reference and settings."""


class Refused(Exception):
    """It cannot be done here; the message says why."""


def main() -> None:
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what libraries print must not come between the answers
    requests = sys.stdin.buffer
    try:
        import alibi_detect  # noqa: PLC0415
        from alibi_detect import cd, od  # noqa: F401, PLC0415
        from alibi_detect.version import __version__  # noqa: PLC0415
    except ImportError as error:
        reply(answers, {"missing": str(error)})
        return
    reply(answers, {"ready": __version__})
    while (request := read(requests)) is not None:
        try:
            reply(answers, answer(alibi_detect, request))
        except Refused as refused:
            reply(answers, {"error": str(refused)})
        except Exception as error:  # the process that asked decides what becomes of it
            reply(answers, {"error": f"{type(error).__name__}: {error}"[:500]})


def read(requests: BinaryIO) -> bytes | None:
    head = requests.read(4)
    return requests.read(struct.unpack(">I", head)[0]) if len(head) == 4 else None


def reply(answers: BinaryIO, answer: object) -> None:
    packed = json.dumps(answer).encode()
    answers.write(struct.pack(">I", len(packed)) + packed)
    answers.flush()


def answer(alibi: Any, request: bytes) -> dict[str, Any]:
    """One test of a window against a reference: ``test`` is univariate (TabularDrift), mmd (MMDDrift), outliers
    (IForest, Mahalanobis, SpectralResidual) or online (CVM-, FET-, MMD-, LSDDDriftOnline)."""
    line, _, packed = request.partition(b"\n")
    job = json.loads(line)
    with np.load(io.BytesIO(packed), allow_pickle=False) as arrays:
        reference, window = arrays["reference"], arrays["window"]
        before = arrays.get("before")
    cd = alibi.cd
    if job["test"] == "online":
        return online(cd, reference, window, before, job)
    if job["test"] == "outliers":
        return {"outliers": outliers(alibi.od, reference, window, job)}
    if job["test"] == "mmd":
        found = mmd(cd, reference, window, job["alpha"])
        return {"p": float(found["p_val"]), "distance": float(found["distance"])}
    categories = {place: None for place in job["categorical"]}
    detector = cd.TabularDrift(reference, p_val=job["alpha"], categories_per_feature=categories or None)
    return {"p": [float(p) for p in detector.predict(window, drift_type="batch")["data"]["p_val"]]}


def outliers(od: Any, reference: Any, window: Any, job: Any) -> list[int]:
    """Which rows of the window are outliers, by a threshold that so large a share of the reference is beyond."""
    np.random.seed(0)
    usual = 100.0 * (1.0 - job["share"])
    if job["method"] == "iforest":
        detector = od.IForest(n_estimators=100)
        detector.fit(reference)
        detector.infer_threshold(reference, threshold_perc=usual)
        found = detector.predict(window)
    elif job["method"] == "spectral_residual":
        detector = od.SpectralResidual(window_amp=20, window_local=20, n_est_points=10, n_grad_points=5)
        detector.infer_threshold(reference[:, 0], threshold_perc=usual)
        found = detector.predict(window[:, 0])
    else:  # it learns from each row that it sees, so that the threshold is of rows that come after others
        detector = od.Mahalanobis(start_clip=100)
        scores = detector.score(reference)
        detector.threshold = float(np.percentile(scores[100:] if len(scores) > 200 else scores, usual))
        found = detector.predict(window)
    return [int(one) for one in found["data"]["is_outlier"]]


def mmd(cd: Any, reference: Any, window: Any, alpha: float) -> Any:
    """With PyTorch or with TensorFlow, whichever is there."""
    np.random.seed(0)
    detector = cd.MMDDrift(reference, backend=backend("MMDDrift"), p_val=alpha, n_permutations=500)
    return detector.predict(window)["data"]


def online(cd: Any, reference: Any, rows: Any, before: Any, job: Any) -> dict[str, Any]:
    """Give rows to an online detector one by one. ``before`` are the last of those that it had, of ``job["t"]``: with
    them it comes to where it was, so that nothing but rows is kept of it.

    Returns which rows it flags, how many it has had, and the columns that made it do so.
    """
    detectors = configured(cd, reference, job)
    flagged, columns = set(), set()
    for detector in detectors:
        inner = getattr(detector, "_detector", detector)
        detector.reset_state()
        for row in before:
            detector.predict(row)
        inner.t = max(job["t"], inner.t)
        for place, row in enumerate(rows):
            np.random.seed(inner.t)
            found = detector.predict(row)["data"]
            if found["is_drift"]:
                flagged.add(place)
                if job["method"] in ("cvm", "fet"):
                    beyond = np.nanmax(found["test_stat"], axis=0) >= found["threshold"]
                    columns |= {int(one) for one in np.flatnonzero(beyond)}
        detector.reset_state()
    return {"flagged": sorted(flagged), "t": job["t"] + len(rows), "columns": sorted(columns)}


def configured(cd: Any, reference: Any, job: Any) -> list[Any]:
    """The detectors with their thresholds, which take seconds to find: the last few are kept."""
    settings = json.dumps([job["method"], job["expected_run"], job["windows"]])
    key = hashlib.blake2b(settings.encode() + reference.tobytes()).hexdigest()
    if key not in kept:
        np.random.seed(0)
        made = new_detectors(cd, reference, job)
        while len(kept) >= MOST_KEPT:
            del kept[next(iter(kept))]
        kept[key] = made
    return kept[key]


def new_detectors(cd: Any, reference: Any, job: Any) -> list[Any]:
    run, windows, method = job["expected_run"], sorted(job["windows"]), job["method"]
    quiet = {"verbose": False}
    if method == "cvm":
        simulated = min(max(5 * run, 2_000), 20_000)
        return [cd.CVMDriftOnline(reference, ert=run, window_sizes=windows, n_bootstraps=simulated, **quiet)]
    if method == "fet":  # it looks to one side, so there are two, each of which is wrong half as often
        simulated, both = min(max(5 * run, 2_000), 5_000), ("greater", "less")
        given = {"ert": 2 * run, "window_sizes": windows, "n_bootstraps": simulated, **quiet}
        return [cd.FETDriftOnline(reference.astype(bool), alternative=side, **given) for side in both]
    name, simulated = "{}DriftOnline".format(method.upper()), min(2 * run, 1_000)  # noqa: UP032 - no alert's name
    given = {"ert": run, "window_size": windows[0], "n_bootstraps": simulated, "backend": backend(name), **quiet}
    return [getattr(cd, name)(reference, **given)]


def backend(name: str) -> str:
    """The deep-learning library that is there. Raises Refused where there is none."""
    for library, called in (("torch", "pytorch"), ("tensorflow", "tensorflow")):
        if importlib.util.find_spec(library):
            seed(library)
            return called
    raise Refused(f"{name} needs TensorFlow or PyTorch, and neither is installed beside it: pip install tensorflow")


def seed(library: str) -> None:
    """Draw the same each time."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    module = importlib.import_module(library)
    (module.manual_seed if library == "torch" else module.random.set_seed)(0)


if __name__ == "__main__":
    main()
