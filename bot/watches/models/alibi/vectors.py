"""The check of vectors that alibi-detect makes for us: as its MMDDrift, in the space of the reference.

It tests each window by itself: ``alpha`` is for each check. Only the directions are given to it: a kernel of all the
numbers of a vector would take memory by the square of the rows, and tell less.
"""

import asyncio
from collections.abc import Sequence

import numpy as np

from bot.domain.watched.monitor import MonitorRules
from bot.watches.models.alibi.process import Alibi
from bot.watches.models.kinds.registry import CheckInput, CheckSkipped, Outcome, few
from bot.watches.models.vectors.drift import chart_of, line_of, shares_in_words
from bot.watches.models.vectors.reading import Sound, features_of, sound_vectors
from detectors.drift.packing import Array
from detectors.embeddings.clusters import moved

_ROWS = 2_000


async def check_vectors_by_alibi(alibi: Alibi, monitor: MonitorRules, given: CheckInput) -> Outcome:
    """Raises CheckSkipped, EngineUnavailable."""
    sounds = await asyncio.to_thread(_sounds, given)
    alpha, found, told = monitor.alpha / len(sounds), list[Sound](), list[str]()
    for sound in sounds:
        arrays = await asyncio.to_thread(_arrays, sound)
        answer = await alibi.run({"test": "mmd", "alpha": alpha, "categorical": []}, arrays)
        told.append(f"{sound.called}: MMD² {answer['distance']:.3g}, p = {answer['p']:.3g}")
        found += [sound] if answer["p"] < alpha else []
    guarantee = f"of alibi-detect: a false alarm in each check with a chance of {monitor.alpha:.2g}"
    version = given.loaded().version
    if not found:
        return Outcome(b"", False, f"as in the reference {version} ({'; '.join(told)})", guarantee=guarantee)
    changes = {sound.name: moved(sound.reference.shares, sound.read) for sound in found}
    how = {sound.name: shares_in_words(changes[sound.name]) or "within its clusters" for sound in found}
    summaries = [f"the {one.called} look different from the reference {version}: {how[one.name]}" for one in found]
    lines = [*told, *(line_of(sound, one) for sound in found for one in changes[sound.name])]
    names = [sound.name for sound in found]
    return Outcome(b"", True, "; ".join(summaries), lines, names, chart_of(found[0], version), guarantee)


def _sounds(given: CheckInput) -> Sequence[Sound]:
    references = features_of(given.model, given.loaded())
    every = [sound_vectors(given.model, name, known, given.window.table) for name, known in references.items()]
    sounds = [sound for sound in every if sound is not None]
    if not sounds:
        raise CheckSkipped(f"no row has vectors of {few(list(references))} of the reference's size")
    return sounds


def _arrays(sound: Sound) -> dict[str, Array]:
    """Both sides in deviations of the reference."""
    known = np.concatenate([sound.reference.training, sound.reference.holdout])
    usual = known[:, : sound.read.directions.shape[1]]
    centre, spread = usual.mean(axis=0), usual.std(axis=0)
    spread = np.where(spread > 0, spread, 1)
    sides = {"reference": usual, "window": sound.read.directions}
    return {name: ((_some(side) - centre) / spread).astype(np.float32) for name, side in sides.items()}


def _some(rows: Array) -> Array:
    return rows[np.sort(np.random.default_rng(0).permutation(len(rows))[:_ROWS])]
