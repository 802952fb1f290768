"""Senders of remote write: bodies whose labels are encoded once, kept within what the bot works through."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress

import aiohttp
import cramjam
import numpy as np

from handlers.telemetry.remote_write_pb2 import Label, Sample, TimeSeries, WriteRequest

_SAMPLE = np.dtype([("tag_of_value", "u1"), ("value", "<f8"), ("tag_of_time", "u1"), ("time", "u1", 6)])
"""A Sample in protobuf: its value, and its time as six bytes of seven bits, which milliseconds take until 2109."""
_SOME_TIME = 1_700_000_000_000
_LEAST_RETRY = 0.1


def headers_of(token: str) -> dict[str, str]:
    return {
        "Authorization": f"Bearer {token}",
        "Content-Type": "application/x-protobuf",
        "Content-Encoding": "snappy",
        "X-Prometheus-Remote-Write-Version": "0.1.0",
    }


def packed(series: Sequence[tuple[Mapping[str, str], Sequence[tuple[float, float]]]]) -> bytes:
    """A delivery of series, each with its labels and its samples: seconds since the epoch and value."""
    request = WriteRequest()
    for labels, samples in series:
        given = [Sample(timestamp=round(at * 1000), value=value) for at, value in samples]
        request.timeseries.append(TimeSeries(labels=_encoded(labels), samples=given))
    return bytes(cramjam.snappy.compress_raw(request.SerializeToString()))


class Body:
    """A delivery of one sample for each of some series, to be filled in again and again. ``watched`` of them count."""

    def __init__(self, labels: Sequence[Mapping[str, str]], watched: int) -> None:
        sample = Sample(timestamp=_SOME_TIME, value=1.0)
        encoded, ends = bytearray(), []
        for one in labels:
            series = TimeSeries(labels=_encoded(one), samples=[sample])
            encoded += WriteRequest(timeseries=[series]).SerializeToString()
            ends.append(len(encoded))
        self._bytes = np.frombuffer(encoded, dtype=np.uint8)
        self._places = (np.array(ends)[:, None] - _SAMPLE.itemsize + np.arange(_SAMPLE.itemsize)).ravel()
        self._samples = self._bytes[self._places].view(_SAMPLE)
        self.size, self.watched = len(labels), watched

    def filled(self, at: float, values: "np.ndarray[tuple[int], np.dtype[np.float64]]") -> bytes:
        """Packed for the wire, all samples at one moment, in seconds since the epoch."""
        stamp = round(at * 1000)
        self._samples["value"] = values
        self._samples["time"] = [stamp >> 7 * i & 0x7F | (0x80 if i < 5 else 0) for i in range(6)]
        self._bytes[self._places] = self._samples.view(np.uint8)
        return bytes(cramjam.snappy.compress_raw(self._bytes.tobytes()))


class Sender:
    """Sends what it is given to one bot, again after a 503 when that says; counts what was acknowledged."""

    def __init__(self, session: aiohttp.ClientSession, url: str, token: str) -> None:
        self._session, self._url, self._headers = session, f"{url}/api/v1/write", headers_of(token)
        self.accepted = self.again = 0

    async def send(self, body: bytes, samples: int) -> None:
        while True:
            wait = _LEAST_RETRY
            with suppress(aiohttp.ClientConnectionError):  # a bot that is down will be there again
                async with self._session.post(self._url, data=body, headers=self._headers) as answer:
                    if answer.status == 204:
                        self.accepted += samples
                        return
                    if answer.status != 503:
                        raise RuntimeError(f"the bot answered {answer.status}: {await answer.text()}")
                    wait = max(wait, float(answer.headers.get("Retry-After", 0)))
            self.again += 1
            await asyncio.sleep(wait)


async def send_rounds(
    sender: Sender,
    bodies: Sequence[Body],
    began: float,
    interval: float,
    goes_on: Callable[[], bool],
    may_send: Callable[[], bool],
) -> None:
    """Rounds of a sample for each series, ``interval`` seconds of the samples' time apart, while it goes on."""
    random = np.random.default_rng(len(bodies) + round(began))
    at = began
    while goes_on():
        for body in bodies:
            while goes_on() and not may_send():
                await asyncio.sleep(0.02)
            await sender.send(body.filled(at, random.normal(100.0, 5.0, body.size)), body.watched)
        at += interval


def _encoded(labels: Mapping[str, str]) -> list[bytes]:
    return [Label(name=name, value=value).SerializeToString() for name, value in sorted(labels.items())]
