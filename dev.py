"""Sets up what the project needs, and runs it: needs nothing but Python 3.11 and pip.

python3 dev.py demo [--auto]      the demo, in the browser or by itself
python3 dev.py test [ARGS …]      the tests; ARGS go to pytest
python3 dev.py test --fast        unit tests and doctests only, without the statistical ones
python3 dev.py lint               lint, types, the rule of imports
python3 dev.py docs               write docs/reference anew, and build the pages as a site in site/
python3 dev.py lock               write requirements.lock anew from pyproject.toml
python3 dev.py exec COMMAND …     any command inside the environment
"""

import hashlib
import os
import subprocess
import sys
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parent
ENVIRONMENT = ROOT / ".venv"
BIN = ENVIRONMENT / ("Scripts" if os.name == "nt" else "bin")
LOCK = ROOT / "requirements.lock"
STAMP = ENVIRONMENT / ".installed-from"
UV = "uv>=0.9,<1"


def main(arguments: list[str]) -> int:
    if sys.version_info < (3, 11):
        return _say(f"Tandem needs Python 3.11 or later; this is {sys.version.split()[0]}.")
    command, *rest = arguments or ["help"]
    if command not in COMMANDS:
        return _say(__doc__ or "")
    if command != "lock":
        set_up()
    return COMMANDS[command](rest)


def set_up() -> None:
    """Install the locked packages into .venv, where that is not done already."""
    wanted = hashlib.sha256(LOCK.read_bytes() + (ROOT / "pyproject.toml").read_bytes()).hexdigest()
    if STAMP.exists() and STAMP.read_text() == wanted:
        return
    print("Setting up .venv, this takes a minute or two the first time …", file=sys.stderr, flush=True)
    _install_uv()
    _call("uv", "pip", "sync", "--quiet", "--compile-bytecode", "--require-hashes", str(LOCK))
    _call("uv", "pip", "install", "--quiet", "--no-deps", "--editable", str(ROOT))
    STAMP.write_text(wanted)


def _install_uv() -> None:
    if not (BIN / "python").exists():
        venv.create(ENVIRONMENT, with_pip=True)
    _call("python", "-m", "pip", "install", "--quiet", "--disable-pip-version-check", UV)


def _call(program: str, *arguments: str) -> None:
    subprocess.run([str(BIN / program), *arguments], check=True, cwd=ROOT, env=_environment())


def _environment() -> dict[str, str]:
    path = f"{BIN}{os.pathsep}{os.environ.get('PATH', '')}"
    return {**os.environ, "VIRTUAL_ENV": str(ENVIRONMENT), "PATH": path}


def _run(*command: str) -> int:
    return subprocess.run(command, cwd=ROOT, env=_environment(), check=False).returncode


def demo(rest: list[str]) -> int:
    return _run(str(BIN / "tandem"), "demo", *rest)


def test(rest: list[str]) -> int:
    """All of them in four processes, as what they do most is wait for others; or what the arguments say."""
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)  # hundreds of processes import the same: it is compiled once
    parallel = ["--dist", "loadfile", "--no-loadscope-reorder", "-n"]
    if rest[:1] == ["--fast"]:
        rest = [*parallel, "2", "-m", "not montecarlo", "tests/unit", "bot", "handlers", "detectors", *rest[1:]]
    return _run(str(BIN / "python"), "-m", "pytest", *(rest or [*parallel, "4"]))


def lint(_rest: list[str]) -> int:
    checks = (("ruff", "check", "."), ("ruff", "format", "--check", "."), ("mypy",), ("lint-imports",))
    return max(_run(str(BIN / check[0]), *check[1:]) for check in checks)


def docs(_rest: list[str]) -> int:
    for written in ("reference", "stage_table"):
        if failed := _run(str(BIN / "python"), "-m", f"tests.unit.docs.{written}"):
            return failed
    os.environ["NO_MKDOCS_2_WARNING"] = "1"
    return _run(str(BIN / "mkdocs"), "build", "--strict", "--quiet") or _say(
        "Look at it: python3 -m http.server --directory site", 0
    )


def lock(_rest: list[str]) -> int:
    _install_uv()
    _call(
        "uv", "pip", "compile", "--quiet", "--universal", "--python-version", "3.11", "--generate-hashes", "--upgrade",
        "--group", "dev", "--no-emit-index-url", "--no-header", "--output-file", str(LOCK), "pyproject.toml",
    )  # fmt: skip
    return 0


def execute(rest: list[str]) -> int:
    return _run(*rest) if rest else _say("Say which command.")


COMMANDS = {"demo": demo, "test": test, "lint": lint, "docs": docs, "lock": lock, "exec": execute}


def _say(text: str, code: int = 2) -> int:
    print(text, file=sys.stderr)
    return code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
