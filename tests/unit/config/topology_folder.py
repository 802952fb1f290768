"""A folder with a tandem.yaml and the files that it imports."""

import json
from pathlib import Path

import pytest

from bot.config import Config, load_config
from bot.errors import ConfigError

Graph = dict[str, set[str]]


class Folder:
    """A folder with a tandem.yaml that imports what else is written into it."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def load(self, tandem_yaml: str = "", **files: str) -> tuple[Config, list[str]]:
        """``csv_a`` is the file ``a.csv``."""
        names = {name: f"{name.partition('_')[2]}.{name.partition('_')[0]}" for name in files}
        for name, text in files.items():
            (self.path / names[name]).write_text(text)
        imports = f"topology: {{import: {json.dumps(list(names.values()))}}}\n"
        (self.path / "tandem.yaml").write_text(imports + tandem_yaml)
        return load_config(self.path / "tandem.yaml")

    def graph(self, tandem_yaml: str = "", **files: str) -> Graph:
        config, warnings = self.load(tandem_yaml, **files)
        assert warnings == []
        return {name: set(others) for name, others in config.rules().depends_on.items()}

    def warnings(self, tandem_yaml: str = "", **files: str) -> list[str]:
        return [line.removeprefix(f"{self.path}/") for line in self.load(tandem_yaml, **files)[1]]

    def refusal(self, tandem_yaml: str = "", **files: str) -> list[str]:
        with pytest.raises(ConfigError) as refused:
            self.load(tandem_yaml, **files)
        return [line.removeprefix(f"{self.path}/") for line in str(refused.value).splitlines()]
