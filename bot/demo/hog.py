"""The noisy neighbour: a batch job that takes all the CPU it gets, on the forecast pool's host."""

from bot.demo.worker import burn, share_the_host


def main() -> None:
    share_the_host()
    while True:
        burn(1.0)


if __name__ == "__main__":
    main()
