"""Tables of Delta and Iceberg for DuckDB: by the libraries of the extra ``lake``, as data sets of Arrow. Blocks.

DuckDB's own extensions for both are downloaded from the internet when they are first used; these libraries are
installed like any other, and reach object stores by themselves.
"""

import importlib
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from bot.domain.watched.data import DataSource
from bot.integrations.data_versions.files import iceberg_metadata
from bot.integrations.http import ToolFailure

_MISSING = "{} is not installed: pip install 'tandem-chatops[lake]'"


class LakeTable(NamedTuple):
    """What a query calls it, where it is, and the version that is read; "" for the newest."""

    name: str
    is_delta: bool
    address: str
    version: str

    def dataset(self) -> Any:
        """A data set of Arrow, of which DuckDB reads what a statement needs. Raises ToolFailure."""
        try:
            return self._delta() if self.is_delta else self._iceberg()
        except ImportError as error:
            raise ToolFailure(_MISSING.format(error.name)) from None
        except ToolFailure:
            raise
        except Exception as error:  # whatever the libraries and the object stores raise
            raise ToolFailure(f"the table {self.name} cannot be read: {type(error).__name__}") from None

    def _delta(self) -> Any:
        version = int(self.version) if self.version else None
        return importlib.import_module("deltalake").DeltaTable(self.address, version=version).to_pyarrow_dataset()

    def _iceberg(self) -> Any:
        tables = importlib.import_module("pyiceberg.table")
        table = tables.StaticTable.from_metadata(iceberg_metadata(self.address))
        tasks = list(table.scan(snapshot_id=int(self.version) if self.version else None).plan_files())
        if any(task.delete_files for task in tasks):
            raise ToolFailure(
                f"the table {self.name} has files of deleted rows: let its engine compact it, or read it there"
            )
        fs, dataset = importlib.import_module("pyarrow.fs"), importlib.import_module("pyarrow.dataset")
        schema = importlib.import_module("pyiceberg.io.pyarrow").schema_to_pyarrow(
            table.schema(), include_field_ids=False
        )
        if not tasks:
            return schema.empty_table()
        paths, system = [], None
        for task in tasks:
            system, path = fs.FileSystem.from_uri(task.file.file_path)
            paths.append(path)
        return dataset.dataset(paths, schema=schema, filesystem=system, format="parquet")


def tables_of(sources: Sequence[DataSource], versions: Mapping[str, str]) -> list[LakeTable]:
    """The tables that a query calls by name, at the versions of their datasets."""
    found = []
    for source in sources:
        address = source.delta or source.iceberg
        if source.table is not None and address is not None:
            version = versions.get(source.dataset, "")
            found.append(LakeTable(source.table, source.delta is not None, address, version))
    return found
