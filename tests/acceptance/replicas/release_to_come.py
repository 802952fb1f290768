"""``tandem`` as a release to come: what it does to the schema is in the folder that the environment names."""

import os
from pathlib import Path

from bot.cli import main
from bot.storage import version

if __name__ == "__main__":
    version.MIGRATIONS = Path(os.environ["MIGRATIONS_TO_COME"])
    main()
