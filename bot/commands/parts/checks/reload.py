"""Whether what runs on this host works by the newest configuration."""

from bot.commands.parts.checks.finding import Finding, Mark
from bot.health.running import Note, all_running

_SUBJECT = "reload"


def check_reload(database_url: str) -> list[Finding]:
    """One for each process; none where nothing runs here."""
    return [_found(note) for note in all_running(database_url)]


def _found(note: Note) -> Finding:
    since = f"{note.since:%Y-%m-%d %H:%M:%S} UTC"
    if not note.refused:
        return Finding(Mark.OK, _SUBJECT, f"process {note.pid} works by {note.config} as it was at {since}")
    text = f"process {note.pid} refused the newest {note.config} and works by that of {since}: {note.refused}"
    return Finding(Mark.WARN, _SUBJECT, text, "Mend what it names, and `tandem reload` again.")
