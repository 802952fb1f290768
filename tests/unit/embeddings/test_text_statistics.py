"""Texts are watched by their length, words and language, and by words that the reference does not have."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from detectors.text.language import language_of
from detectors.text.statistics import STATISTICS, statistics_of, vocabulary_of

SENTENCES = {
    "en": "I want to return the shoes that I bought, they are not my size",
    "de": "Ich möchte die Schuhe zurückgeben, die ich gekauft habe, sie sind nicht meine Größe",
    "fr": "Je voudrais rendre les chaussures que j'ai achetées, elles ne sont pas à ma taille",
    "es": "Quiero devolver los zapatos que compré, no son de mi talla y me quedan muy mal",
    "it": "Vorrei restituire le scarpe che ho comprato, non sono della mia misura e mi fanno male",
    "nl": "Ik wil de schoenen die ik heb gekocht terugsturen, het is niet mijn maat en ze zitten niet goed",
    "pl": "Chcę zwrócić buty, które kupiłem, bo to nie jest mój rozmiar i są za małe",
    "ru": "Я хочу вернуть туфли, которые купил, это не мой размер и они мне не подходят",
    "uk": "Я хочу повернути взуття, що купив, це не мій розмір, але воно дуже гарне та зручне",
    "el": "Θέλω να επιστρέψω τα παπούτσια",
    "ja": "買った靴を返品したいです",
    "zh": "我想退回我买的鞋子",
    "ko": "구입한 신발을 반품하고 싶습니다",
    "ar": "أريد إعادة الحذاء الذي اشتريته من هذا المتجر لأن المقاس ليس لي",
    "th": "ฉันต้องการคืนรองเท้า",
    "hi": "मैं जूते वापस करना चाहता हूँ",
}


@pytest.mark.parametrize("language", SENTENCES)
def test_the_language_of_a_sentence_is_known(language: str) -> None:
    assert statistics_of([SENTENCES[language]], np.zeros(0, np.uint32))["language"].tolist() == [language]


def test_of_a_text_without_small_words_the_script_is_known() -> None:
    assert [language_of(text, []) for text in ("SKU", "Москва", "", "42 !")] == ["latin", "cyrillic", *["unknown"] * 2]


def test_words_that_the_reference_lacks_are_a_share_of_the_words() -> None:
    vocabulary = vocabulary_of(["the shoes are too small", None, "the size is wrong"])
    found = statistics_of(["The SHOES glimmer", "", "!!!", None, 7], vocabulary)
    assert found["unknown"].round(2).tolist()[:3] == [0.33, 0.0, 0.0] and np.isnan(found["unknown"][3])
    assert found["length"].tolist()[:3] == [17.0, 0.0, 3.0] and found["words"].tolist()[:3] == [3.0, 0.0, 0.0]
    assert found["language"].tolist()[1:] == ["unknown", "unknown", None, "unknown"]


@given(st.lists(st.none() | st.text() | st.integers(), max_size=8))
def test_any_text_has_statistics(texts: list[object]) -> None:
    found = statistics_of(texts, vocabulary_of(texts))
    assert tuple(found) == STATISTICS and {len(values) for values in found.values()} == {len(texts)}
    assert not np.nansum(found["unknown"])


def test_a_long_text_is_read_to_a_bound() -> None:
    found = statistics_of(["word " * 1_000_000], np.zeros(0, np.uint32))
    assert found["length"].tolist() == [5_000_000.0] and found["words"][0] < 1_000
