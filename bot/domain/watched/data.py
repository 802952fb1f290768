"""Where the version of a dataset is read: a table's, a file's in DVC, a commit of lakeFS, an input of an MLflow run."""

from typing import Annotated, Self

import msgspec
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

_NAME = r"^[A-Za-z_][A-Za-z0-9_]{0,62}$"
Address = Annotated[str, Field(min_length=1, max_length=2000)]
SecretName = Annotated[str, Field(pattern=r"^[A-Za-z][A-Za-z0-9_]{0,99}$")]


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class LakeFs(_Section):
    """A branch or tag of a repository: its commit is the version."""

    url: Annotated[str, Field(pattern=r"^https?://")]
    """The server, without `/api/v1`."""
    repository: Annotated[str, Field(min_length=1, max_length=200)]
    """The repository's name."""
    ref: Annotated[str, Field(min_length=1, max_length=200)] = "main"
    """The branch or tag."""
    secret: SecretName | None = None
    """Names the secret that holds `KEY_ID:SECRET_KEY`."""


class MlflowInput(_Section):
    """A dataset that a run logged as its input: its digest is the version."""

    url: Annotated[str, Field(pattern=r"^https?://")]
    """The tracking server."""
    run: Annotated[str, Field(max_length=100)] = ""
    """The run; or give `model`."""
    model: Annotated[str, Field(max_length=200)] = ""
    """A registered model: the run that made it."""
    alias: Annotated[str, Field(max_length=200)] = "champion"
    """Which version of the model."""
    name: Annotated[str, Field(max_length=200)] = ""
    """The dataset's name in the run, where it has several."""
    secret: SecretName | None = None
    """Names the secret that holds the bearer token."""

    @model_validator(mode="after")
    def _names_a_run(self) -> Self:
        if bool(self.run) == bool(self.model):
            raise ValueError("give the run, or the registered model that it made")
        return self


class DataSource(_Section):
    """A dataset, and one of the ways by which its version is read."""

    dataset: Annotated[str, Field(min_length=1, max_length=200)]
    """What the dataset is called in the topology; the model depends on it."""
    delta: Address | None = None
    """The folder of a Delta table: a path, or an address such as `s3://…`."""
    iceberg: Address | None = None
    """The folder of an Iceberg table, or its `….metadata.json`."""
    dvc: Address | None = None
    """A `.dvc` file, or `dvc.lock#PATH` for an output of a stage: a path, or an address."""
    lakefs: LakeFs | None = None
    """A commit of lakeFS."""
    mlflow: MlflowInput | None = None
    """A dataset of an MLflow run."""
    table: Annotated[str | None, Field(alias="as", pattern=_NAME)] = None
    """What the query calls a Delta or Iceberg table, which DuckDB then reads at just this version."""

    @model_validator(mode="after")
    def _is_one(self) -> Self:
        given = [name for name in ("delta", "iceberg", "dvc", "lakefs", "mlflow") if getattr(self, name) is not None]
        if len(given) != 1:
            raise ValueError("give one of delta, iceberg, dvc, lakefs and mlflow")
        if self.table is not None and given[0] not in ("delta", "iceberg"):
            raise ValueError("as is for tables: delta and iceberg")
        return self


def _as_list(value: object) -> object:
    return [value] if isinstance(value, dict) else value


DataSources = Annotated[list[DataSource], BeforeValidator(_as_list), Field(max_length=10)]


class DataVersion(msgspec.Struct, frozen=True, omit_defaults=True):
    """The version of a dataset; ``run`` and ``commit`` of what made it, where that is known. ``digest``: an md5, or
    what MLflow calls it."""

    dataset: str
    version: str
    run: str = ""
    commit: str = ""
    digest: str = ""

    @property
    def in_words(self) -> str:
        """
        >>> DataVersion("sales", "42", commit="abc").in_words
        'sales version 42 (commit abc)'
        """
        more = [f"{name} {value}" for name, value in (("run", self.run), ("commit", self.commit)) if value]
        return f"{self.dataset} version {self.version}" + (f" ({', '.join(more)})" if more else "")
