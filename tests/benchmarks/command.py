"""What the benchmarks' command lines share: their options, and the one JSON object as their last line."""

import argparse
import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

EXIT_NO_DATA = 2


def parser_for(purpose: str) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=purpose)
    parser.add_argument("--data", type=Path, required=True, help="the folder with the benchmarks' data")
    parser.add_argument("--out", type=Path, help="a folder for files that let anyone score the run again")
    return parser


def require(folder: Path) -> Path:
    """The folder, or the end of the program where it is not there."""
    if not folder.is_dir():
        print(f"the data is not there: {folder} is no folder", file=sys.stderr)
        sys.exit(EXIT_NO_DATA)
    return folder


def report(figures: Mapping[str, Any]) -> None:
    print(json.dumps(figures))
