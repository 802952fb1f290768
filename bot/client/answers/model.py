"""What the API answers, made of ``/openapi.json`` by ``python -m tests.unit.docs.client``.

Words such as a status are plain strings, and what a server does not know yet has an empty value: a client of this
version works with those before and after.
"""

from __future__ import annotations

from datetime import datetime

import msgspec


class Data(msgspec.Struct, frozen=True, kw_only=True):
    dataset: str = ""
    version: str = ""
    since: datetime | None = None
    pulled: bool = False
    run: str = ""
    job: str = ""
    commit: str = ""
    digest: str = ""


class Model(msgspec.Struct, frozen=True, kw_only=True):
    name: str = ""
    depends_on: list[str] = []
    newest_at: datetime | None = None
    reference: Reference | None = None
    monitors: list[Monitor] = []
    data: list[Data] = []


class ModelPage(msgspec.Struct, frozen=True, kw_only=True):
    models: list[Model] = []
    next: str | None = None


class Monitor(msgspec.Struct, frozen=True, kw_only=True):
    name: str = ""
    kind: str = ""
    domain: str = ""
    state: str = ""
    checks: int = 0
    checked_at: datetime | None = None
    reference: str = ""
    summary: str = ""
    model_version: str | None = None


class Reference(msgspec.Struct, frozen=True, kw_only=True):
    version: str = ""
    rows: int = 0
    pinned: bool = False
    created_at: datetime
    model_version: str = ""
    data_version: str = ""
    source_digest: str = ""
    run: str = ""
    commit: str = ""
