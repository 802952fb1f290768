"""Times alibi-detect's KSDrift on the arrays of a file, in an environment that has it: prints one JSON object.

Its p-values are rounded to single precision; scipy's, which it rounds, are given as well.
"""

import json
import sys
import time

import numpy as np
from alibi_detect.cd import KSDrift  # type: ignore[import-not-found,import-untyped,unused-ignore]
from scipy.stats import ks_2samp


def main() -> None:
    path, rounds = sys.argv[1], int(sys.argv[2])
    with np.load(path) as arrays:
        reference, batch = arrays["reference"], arrays["batch"]
    detector, seconds = KSDrift(reference, p_val=0.05), []
    for _ in range(rounds):
        begin = time.process_time()
        answer = detector.predict(batch)
        seconds.append(time.process_time() - begin)
    exact = [ks_2samp(before, after, method="asymp").pvalue for before, after in zip(reference.T, batch.T, strict=True)]
    print(json.dumps({"seconds": min(seconds), "p_single": answer["data"]["p_val"].tolist(), "p": exact}))


if __name__ == "__main__":
    main()
