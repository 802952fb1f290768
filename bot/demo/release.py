"""Release a version of the weather features: ``release FILE VERSION``. Releasing what runs already changes nothing."""

import sys
from pathlib import Path


def release(file: Path, version: str) -> None:
    """Name the version that is to run; whoever reads the file sees the old one or the new one."""
    new = file.with_suffix(".new")
    new.write_text(version + "\n")
    new.replace(file)


if __name__ == "__main__":
    release(Path(sys.argv[1]), sys.argv[2])
    print(f"{sys.argv[2]} is released")
