"""The processes of the demo, as supervisord's configuration.

http://supervisord.org/configuration.html
"""

import os
import shlex
import sys
from configparser import ConfigParser
from pathlib import Path

# One worker carries the load with ease, but not with the eleventh of a CPU that ten threads of a noisy neighbour leave.
POOL = 10
LONGEST_SOCKET = 90  # of 104 to 108 that systems allow, less what supervisord adds while it creates one


def api_socket(folder: Path) -> Path:
    return folder / "api"


def control_socket(folder: Path) -> Path:
    return folder / "ctl"


def config_file(folder: Path) -> Path:
    return folder / "supervisord.conf"


def release_file(folder: Path) -> Path:
    """Names the release of the weather features that is to run."""
    return folder / "weather-features"


def release(folder: Path, version: str) -> list[str]:
    """The command that releases a version of the weather features."""
    return [sys.executable, "-m", "bot.demo.release", str(release_file(folder)), version]


def control(folder: Path, *words: str) -> list[str]:
    """The command that tells the supervisor something."""
    return [sys.executable, "-m", "supervisor.supervisorctl", "-c", str(config_file(folder)), *words]


def extra_workers() -> list[str]:
    return [f"forecast:worker-{number}" for number in range(1, POOL)]


def write_config(folder: Path) -> None:
    api = str(api_socket(folder))
    config = ConfigParser(interpolation=None)
    config["unix_http_server"] = {"file": _literal(control_socket(folder)), "chmod": "0700"}
    config["supervisorctl"] = {"serverurl": _literal(f"unix://{control_socket(folder)}")}
    config["rpcinterface:supervisor"] = {
        "supervisor.rpcinterface_factory": "supervisor.rpcinterface:make_main_rpcinterface"
    }
    config["supervisord"] = {
        "logfile": _literal(folder / "supervisord.log"),
        "pidfile": _literal(folder / "supervisord.pid"),
        "childlogdir": _literal(folder),
    } | ({"user": "root"} if os.geteuid() == 0 else {})
    config["program:forecast-api"] = _program("service", api)
    config["program:shops"] = _program("load", api)
    config["program:checker"] = _program("checker", api)
    config["program:noisy-neighbour"] = _program("hog", autostart=False)
    config["program:feature-pipeline"] = _program("feature_pipeline", str(release_file(folder)), autostart=False)
    for number in range(POOL):
        config[f"program:worker-{number}"] = _program("worker", api, str(number), autostart=number == 0)
    config["group:forecast"] = {"programs": ",".join(f"worker-{number}" for number in range(POOL))}
    with config_file(folder).open("w") as file:
        config.write(file)


def _program(module: str, *arguments: str, autostart: bool = True) -> dict[str, str]:
    command = shlex.join([sys.executable, "-m", f"bot.demo.{module}", *arguments])
    return {
        "command": _literal(command),
        "autostart": str(autostart).lower(),
        "startsecs": "1",
        "stopwaitsecs": "3",
        "redirect_stderr": "true",
    }


def _literal(text: object) -> str:
    """Text that supervisord does not expand."""
    return str(text).replace("%", "%%")
