"""``tandem check``"""

from bot.commands.console import ConfigOption, clear_errors, out
from bot.commands.registry import command


@command()
def check(config: ConfigOption = None) -> None:
    """Validate the configuration; exit 2 with file, line and reason where it is wrong."""
    import asyncio

    from bot.commands.parts.checks.partitions import warning_about_partitions
    from bot.commands.parts.guards import guards_in_words
    from bot.commands.parts.settings import config_path, environment_warnings
    from bot.config import load_config, read_environment

    with clear_errors():
        environment = read_environment()
        path = config_path(config, environment)
        settings, warnings = load_config(path)
        for warning in [*warnings, *environment_warnings(settings, environment)]:
            out.print(f"warning: {warning}")
        if differs := asyncio.run(warning_about_partitions(environment)):
            out.print(f"warning: {differs}")
        for line in guards_in_words(settings):
            out.print(line)
        counts = f"{len(settings.services)} services, {len(settings.models)} models, {len(settings.runbooks)} runbooks"
        out.print(f"{path}: valid ({counts})")
