"""The maximum mean discrepancy of each batch by itself: alibi-detect's MMDDrift, or the same test in numpy.

As a program, in a Python that has alibi-detect: `mmd.py FILE` prints the p-values of FILE's batches as JSON.
"""

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

Array = np.ndarray[Any, np.dtype[Any]]
PERMUTATIONS = 100


class OwnMmd:
    """A Gaussian kernel whose width is the median distance, and permutations, as MMDDrift has them by default."""

    def __init__(self, reference: Array, seed: int = 0) -> None:
        self._reference, self._random = reference, np.random.default_rng(seed)

    def p_value(self, batch: Array) -> float:
        both = np.concatenate([self._reference, batch]).astype(np.float64)
        squares = (both**2).sum(axis=1)
        apart = np.maximum(squares[:, None] + squares - 2 * both @ both.T, 0)
        kernel = np.exp(-apart / np.median(apart[np.triu_indices(len(both), 1)]))
        count = len(self._reference)
        found = _mmd(kernel, np.arange(len(both)) < count)
        others = [_mmd(kernel, self._random.permutation(len(both)) < count) for _ in range(PERMUTATIONS)]
        return float(np.mean([other >= found for other in others]))


def _mmd(kernel: Array, is_reference: Array) -> float:
    signs = np.where(is_reference, 1 / is_reference.sum(), -1 / (~is_reference).sum())
    return float(signs @ kernel @ signs)


def by_alibi(reference: Array, batches: Array) -> list[float] | None:
    """The p-values of batches, of shape (batches, rows, size); None where alibi-detect does not run."""
    python = os.environ.get("TANDEM_ALIBI_PYTHON")
    if not python:
        return None
    with tempfile.TemporaryDirectory() as folder:
        np.savez(Path(folder) / "arrays.npz", reference=reference, batches=batches)
        command = [python, __file__, f"{folder}/arrays.npz"]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        print(f"alibi-detect does not run there: {done.stderr.strip().splitlines()[-1:]}", file=sys.stderr)
        return None
    return [float(p) for p in json.loads(done.stdout.splitlines()[-1])]


def main() -> None:
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    from alibi_detect.cd import MMDDrift  # type: ignore[import-not-found,import-untyped,unused-ignore]  # noqa: PLC0415

    with np.load(sys.argv[1]) as arrays:
        reference, batches = arrays["reference"], arrays["batches"]
    np.random.seed(0)
    detector = MMDDrift(reference, backend="tensorflow", p_val=0.05, n_permutations=PERMUTATIONS)
    print(json.dumps([float(detector.predict(batch)["data"]["p_val"]) for batch in batches]))


if __name__ == "__main__":
    main()
