"""Memory that is free goes back to the system."""

import asyncio
import ctypes
import gc
from pathlib import Path

import pytest

from bot.components.descriptors import heap_component
from bot.observability import heap
from bot.observability.heap import GROWN, Heap, own_heap, resident


def test_what_is_free_between_what_is_not_is_given_back() -> None:
    """100 MB of pieces, of which every hundredth is kept: by itself the C library gives nothing of that back."""
    if "libc.so.6" not in Path("/proc/self/maps").read_text():
        pytest.skip("another C library")
    ctypes.CDLL(None).malloc_trim(0)  # what other tests have left free would hold the pieces
    own = own_heap()
    pieces = [bytes(1000) for _ in range(100_000)]
    kept = pieces[::100]
    full = resident()
    del pieces
    gc.collect()
    assert own.give_back()
    assert resident() < full - 40 * 2**20
    assert len(kept) == 1000


def test_a_process_that_has_not_grown_is_left_alone() -> None:
    now, asked = [100 * 2**20], list[int]()

    def trim(pad: int) -> int:
        asked.append(pad)
        now[0] -= 2 * 2**20
        return 1

    own = Heap(trim, lambda: now[0])
    assert not own.give_back()
    now[0] += GROWN
    assert own.give_back()
    assert not own.give_back(), "it is asked for again when as much has come since"
    now[0] += GROWN
    assert own.give_back()
    assert asked == [0, 0]
    assert not Heap(None, lambda: now[0]).give_back(), "a C library that cannot"


def test_it_is_asked_for_time_and_again_beside_the_work(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(heap, "EVERY", 0.001)
    now = [0]

    def trim(_pad: int) -> int:
        return 1

    def grows() -> int:
        now[0] += GROWN
        return now[0]

    async def run() -> int:
        component = heap_component(Heap(trim, grows))
        assert component.run is not None
        work = asyncio.ensure_future(component.run())
        while now[0] < 20 * GROWN:
            await asyncio.sleep(0.001)
        work.cancel()
        return now[0]

    assert asyncio.run(asyncio.wait_for(run(), 30)) >= 20 * GROWN
