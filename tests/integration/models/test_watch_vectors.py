"""Embeddings and texts of a model become alerts that say which of them are other than they were."""

import asyncio
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bot.domain.rules import Rules
from bot.inbox.inbox import Inbox
from bot.model_store import references
from bot.model_store.features import profiles
from bot.storage.database import Database
from bot.watches.models.alibi.process import Alibi
from detectors.drift.packing import Array
from tests.conftest import Clock
from tests.integration.watches.models_driver import MODEL, Models, rules_for, table_from
from tests.integration.watches.test_alibi_engine import stand_in

on_sqlite = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
Make = Callable[..., Awaitable[Models]]
IMAGES = {"image": {"kind": "embedding", "size": 16, "of": "images"}}
DRIFT = {"kind": "embedding_drift", "window": {"rows": 300}}
QUALITY = {"kind": "quality", "window": {"rows": 100}}
SHARES = (0.5, 0.3, 0.2)
_DE = ["das ist nicht gut und sehr teuer", "die schuhe sind mir zu klein", "ich warte auf das paket"]
_EN = ["the shoes are too small for me", "I am waiting for the parcel", "this is not good and it was expensive"]


@pytest.fixture
async def make(database: Database, inbox: Inbox, clock: Clock, tmp_path: Path) -> AsyncIterator[Make]:
    made: list[Models] = []

    async def make(rules: Rules, alibi: Alibi | None = None) -> Models:
        models = Models(database, inbox, clock, rules, tmp_path, alibi)
        await models.prepare()
        made.append(models)
        return models

    yield make
    for models in made:
        await models.watch.close()


class Images:
    """Embeddings in three clusters."""

    def __init__(self) -> None:
        self.random = np.random.default_rng(4)
        self.middles = 6 * self.random.normal(size=(3, 16))

    def draw(self, rows: int, shares: tuple[float, ...] = SHARES) -> list[Array]:
        cluster = self.random.choice(3, rows, p=shares)
        return list((self.middles[cluster] + self.random.normal(size=(rows, 16))).astype(np.float32))


@on_sqlite
async def test_images_of_another_kind_are_found_named_and_over(make: Make, clock: Clock) -> None:
    images = Images()
    models = await make(rules_for(DRIFT, features=IMAGES))
    ids = np.array([f"ref-{at}" for at in range(3000)], dtype=object)
    await models.reference("v1", {"image": images.draw(3000)}, id=ids)
    await models.predict({"image": images.draw(300)})
    assert await models.incidents() == [] and "images are as in the reference v1" in await models.said(
        "embedding_drift"
    )
    clock.pass_(hours=1)
    await models.predict({"image": images.draw(300, (0.1, 0.3, 0.6))})
    models.restart()
    clock.pass_(hours=1)
    await models.predict({"image": images.draw(300, (0.1, 0.3, 0.6))})
    [alert] = await models.alerts_of(await models.only_incident())
    summary = alert.annotations["summary"]
    assert alert.name == "EmbeddingDrift" and alert.labels["feature"] == "image"
    since = rf"since {(clock.now.hour - 1) % 24:02}:\d\d UTC"
    assert re.search(rf"the images look different from the reference v1 {since}: cluster \d+ from \d+ % to", summary)
    assert re.search(r"in the reference ref-\d+.*; now r\d+", alert.annotations["description"])
    assert "whole life with a chance of 0.05" in alert.annotations["guarantee"]
    for _ in range(5):
        await models.predict({"image": images.draw(300)})
    assert not (await models.only_incident()).open


async def test_an_embedding_of_another_size_is_an_alert_that_names_it_whatever_watches_it(make: Make) -> None:
    images = Images()
    models = await make(rules_for(DRIFT, QUALITY, features=IMAGES))
    await models.reference("v1", {"image": images.draw(1000)})
    await models.predict({"image": [row[:8] for row in images.draw(300)]})
    alerts = {alert.name: alert for alert in await models.alerts_of(await models.only_incident())}
    assert alerts.keys() == {"DataQuality", "EmbeddingDrift"}
    assert "300 of 300 vectors of image have 8 numbers, not 16" in alerts["DataQuality"].annotations["summary"]
    assert "have 8 numbers, not 16" in alerts["EmbeddingDrift"].annotations["summary"]


@on_sqlite
@pytest.mark.parametrize(
    ("change", "why"),
    [
        (lambda rows: [*rows[:90], *[row[:8] for row in rows[90:]]], "10 of 100 vectors of image have 8 numbers, not"),
        (lambda rows: [None if at < 40 else row for at, row in enumerate(rows)], "40.0% of image is missing"),
        (lambda rows: [row * np.float32("nan") if at < 7 else row for at, row in enumerate(rows)], "7 of 100 vectors"),
        (lambda rows: [row * 0 for row in rows], "100 of 100 vectors of image have nothing but zeros"),
        (lambda rows: [float(row[0]) for row in rows], "image holds no vectors"),
        (lambda rows: [None for _ in rows], "all 100 vectors of image are missing"),
    ],
    ids=["size", "missing", "nan", "zero", "numbers", "nothing"],
)
async def test_vectors_that_are_not_well_formed_are_data_quality(
    make: Make, change: Callable[[list[Array]], list[Any]], why: str
) -> None:
    images = Images()
    models = await make(rules_for(QUALITY, features=IMAGES))
    await models.reference("v1", {"image": images.draw(1000)})
    await models.predict({"image": images.draw(100)})
    assert await models.incidents() == []
    await models.predict({"image": change(images.draw(100))})
    [alert] = await models.alerts_of(await models.only_incident())
    assert why in alert.annotations["description"]


@on_sqlite
async def test_without_a_reference_the_size_of_tandem_yaml_holds(make: Make) -> None:
    models = await make(rules_for(QUALITY, features=IMAGES))
    await models.predict({"image": [row[:8] for row in Images().draw(100)]})
    [alert] = await models.alerts_of(await models.only_incident())
    assert "have 8 numbers, not 16" in alert.annotations["summary"]


async def test_other_columns_and_versions_are_watched_beside_vectors(make: Make) -> None:
    images, random = Images(), np.random.default_rng(1)
    both = ({"kind": "drift", "window": {"rows": 300}}, {"kind": "multivariate", "window": {"rows": 300}})
    models = await make(rules_for(*both, DRIFT | {"by": "version"}, QUALITY))
    await models.reference("v1", {"image": images.draw(2000), "price": random.normal(size=2000)})
    versions = np.array(["a"] * 150 + ["b"] * 150, dtype=object)
    for _ in range(2):
        rows = [*images.draw(150), *images.draw(150, (0.0, 0.1, 0.9))]
        await models.predict({"image": rows, "price": random.normal(size=300)}, version=versions)
    [alert] = await models.alerts_of(await models.only_incident())
    assert alert.name == "EmbeddingDrift" and alert.labels["version"] == "b"
    assert "no drift of 1 columns" in await models.said("drift")


@on_sqlite
async def test_what_alibi_detect_says_of_vectors_is_shown_with_the_clusters(make: Make, tmp_path: Path) -> None:
    images = Images()
    alibi = stand_in(tmp_path, 'say({"p": 0.001, "distance": 0.25})')
    models = await make(rules_for(DRIFT | {"engine": "alibi"}, features=IMAGES), alibi)
    await models.reference("v1", {"image": images.draw(1000)})
    await models.predict({"image": images.draw(300, (0.0, 0.2, 0.8))})
    [alert] = await models.alerts_of(await models.only_incident())
    assert "the images look different from the reference v1: cluster" in alert.annotations["summary"]
    assert "MMD² 0.25, p = 0.001" in alert.annotations["description"]


@on_sqlite
async def test_texts_are_watched_by_language_length_and_words(make: Make) -> None:
    random = np.random.default_rng(2)
    both = ({"kind": "drift", "window": {"rows": 300}}, QUALITY)
    models = await make(rules_for(*both, features={"comment": {"kind": "text"}}))
    frames, known = models.frames, {"comment": random.choice(_EN, 2000).astype(object)}

    stored = await profiles.store(frames, table_from(known, {}), texts={"comment"})
    async with models.database.write() as connection:
        await references.save(connection, MODEL, "v1", stored, references.Lineage(), models.clock.now)
    await models.predict({"comment": random.choice(_EN, 300).astype(object)})
    assert await models.incidents() == []
    for _ in range(2):
        await models.predict({"comment": random.choice([*_EN, *_DE], 300).astype(object)})
    [alert] = await models.alerts_of(await models.only_incident())
    assert alert.name == "FeatureDrift" and "comment.language" in alert.annotations["features"]
    assert re.search(r"comment\.language: de 0 % → \d+ %", alert.annotations["description"])
    assert "comment.unknown" in alert.annotations["features"]


async def test_a_large_window_of_vectors_is_read_within_bounds(
    make: Make, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("detectors.embeddings.vectors.MOST_BYTES", 16 * 4 * 200)
    images = Images()
    models = await make(rules_for(DRIFT, features=IMAGES))
    await models.reference("v1", {"image": images.draw(2000)})
    await asyncio.gather(*(models.came_unchecked({"image": images.draw(300)}) for _ in range(4)))
    await models.settle()
    assert re.match(r"\d\d\d images are as", await models.said("embedding_drift"))
