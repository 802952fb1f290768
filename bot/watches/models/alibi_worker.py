"""alibi-detect in a process of its own, in any Python that has it: requests on stdin, answers on stdout.

Run as a file, never imported by the bot: it knows nothing but numpy and alibi-detect, which is slow to import, needs
other versions of what we need, and is under a licence of its own. A message is four bytes of length (big-endian) and
so many bytes: a request is a line of JSON and then an .npz, an answer is JSON.
"""

import io
import json
import os
import struct
import sys
from typing import Any, BinaryIO

import numpy as np


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
    """One test of a window against a reference: ``test`` is univariate (TabularDrift), mmd (MMDDrift) or outliers
    (IForest, Mahalanobis)."""
    line, _, packed = request.partition(b"\n")
    job = json.loads(line)
    with np.load(io.BytesIO(packed), allow_pickle=False) as arrays:
        reference, window = arrays["reference"], arrays["window"]
    cd = alibi.cd
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
    else:  # it learns from each row that it sees, so that the threshold is of rows that come after others
        detector = od.Mahalanobis(start_clip=100)
        scores = detector.score(reference)
        detector.threshold = float(np.percentile(scores[100:] if len(scores) > 200 else scores, usual))
        found = detector.predict(window)
    return [int(one) for one in found["data"]["is_outlier"]]


def mmd(cd: Any, reference: Any, window: Any, alpha: float) -> Any:
    """With PyTorch or with TensorFlow, whichever is there."""
    np.random.seed(0)
    try:
        detector = cd.MMDDrift(reference, backend="pytorch", p_val=alpha, n_permutations=500)
    except ImportError:
        os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
        detector = cd.MMDDrift(reference, backend="tensorflow", p_val=alpha, n_permutations=500)
    return detector.predict(window)["data"]


if __name__ == "__main__":
    main()
