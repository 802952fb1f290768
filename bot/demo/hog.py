"""The noisy neighbour: a batch job on the first host of the forecast pool that takes all the CPU it gets."""

import hashlib
from threading import Thread

from bot.demo.host import cores, stay_on
from bot.demo.lifeline import end_with_parent

THREADS = 10  # for each core


def burn() -> None:
    while True:
        hashlib.pbkdf2_hmac("sha256", b"noisy", b"neighbour", 200_000)  # C code that holds no GIL: threads add up


def main() -> None:
    end_with_parent()
    stay_on(0)
    for _ in range(THREADS * cores()):
        Thread(target=burn).start()


if __name__ == "__main__":
    main()
