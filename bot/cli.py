"""The command line ``tandem``: its commands are in ``bot/commands``, one file each."""

from bot.commands.registry import assemble

cli = assemble()


def main() -> None:
    cli()


if __name__ == "__main__":
    main()
