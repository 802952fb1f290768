"""The language of a text, roughly: by its script, and by the small words of the language where a script has several.

For watching that a mix of languages stays as it was, which needs no more: nothing is downloaded, and a text takes
microseconds. Of a short text without small words only the script is known.
"""

import re
from collections.abc import Iterable, Mapping

UNKNOWN = "unknown"
_SCRIPTS: Mapping[str, str] = {
    "latin": "A-Za-zÀ-ɏḀ-ỿ",
    "cyrillic": "Ѐ-ԯ",
    "el": "Ͱ-Ͽἀ-῿",
    "he": "֐-׿",
    "arabic": "؀-ۿݐ-ݿ",
    "hi": "ऀ-ॿ",
    "bn": "ঀ-৿",
    "ta": "஀-௿",
    "th": "฀-๿",
    "ka": "Ⴀ-ჿ",
    "hy": "԰-֏",
    "ko": "가-힯ᄀ-ᇿ",
    "kana": "぀-ヿ",
    "han": "一-鿿㐀-䶿",
}
_COUNTED = {name: re.compile(f"[{letters}]") for name, letters in _SCRIPTS.items()}
_ASCII = re.compile(r"[A-Za-z]")
_WORDS: Mapping[str, str] = {
    "en": "the of and to in is that it was for on with as are this be at by not have from you i we my can",
    "de": "der die das und ist nicht ein eine zu den mit auf für von dem sich auch es ich wir sie wie bei im",
    "fr": "le la les des et est une un pour que qui dans pas sur avec au ce je nous vous il elle du ne se",
    "es": "el la los las y es una un para que por no con del se su lo como más me te pero al muy en",
    "it": "il lo gli di e è una un per che non con del della si sono da come ma mi ti più nel alla",
    "pt": "o os as de e é uma um para que não com do da se em no na por mais como mas eu você ao",
    "nl": "de het een en van is dat niet op te in voor met zijn aan er ook als maar om ik wij naar bij",
    "sv": "och att det som en är på för av med den till inte om ett jag vi har var från men ska",
    "da": "og at det som en er på for af med den til ikke om et jeg vi har var fra men skal der",
    "fi": "ja on ei se että oli hän en ovat mutta kun myös tämä niin kuin minä me voi ole joka",
    "pl": "i w na z do nie się że jest to jak o po co ale za od przez dla są ja my tym już",
    "cs": "a je na se v že to s z do ne si jsem jak ale by co pro o tak jsou já má když",
    "tr": "ve bir bu da de için ile çok ne var ben o mi gibi ama daha olarak olan değil kadar",
    "id": "yang dan di ini itu dengan untuk tidak dari ke ada saya akan pada juga kami sudah bisa",
    "vi": "và là của có không được cho trong một với các này đã những người để tôi khi như",
    "ru": "и в не на что я с он как это а по но к у от за из мы вы так же бы для",
    "uk": "і в не на що я з він як це а та але до у від за ми ви так же для є й",
    "bg": "и в не на че аз с той като това а по но към от за ние вие така се да е са",
    "ar": "في من على أن إلى هذا التي ما لا هو مع كان عن هذه أو",
    "fa": "در از به که این را با است برای آن یک خود تا بر هم",
}
_BY_WORD: dict[str, list[str]] = {}
for _language, _listed in _WORDS.items():
    for _word in _listed.split():
        _BY_WORD.setdefault(_word, []).append(_language)


def language_of(text: str, words: Iterable[str]) -> str:
    """The language of a text, as a code of two letters, or the script where no more is known.

    Parameters
    ----------
    text
        Some hundred characters are enough.
    words
        Its words, in small letters.

    Returns
    -------
    ``en``, ``latin`` … or ``unknown`` where there are no letters.

    Examples
    --------
    >>> language_of("Das ist nicht gut", ["das", "ist", "nicht", "gut"]), language_of("x1", ["x1"])
    ('de', 'latin')
    >>> language_of("これは本です", []), language_of("我们很好", []), language_of("123", [])
    ('ja', 'zh', 'unknown')
    """
    script = _script_of(text)
    if script in ("kana", "han"):
        return "ja" if _COUNTED["kana"].search(text) else "zh"
    if script not in ("latin", "cyrillic", "arabic"):
        return script
    votes = dict[str, float]()
    for word in words:
        for language in _BY_WORD.get(word, ()):
            votes[language] = votes.get(language, 0.0) + 1 / len(_BY_WORD[word])
    return max(votes, key=lambda name: (votes[name], name)) if votes else script


def _script_of(text: str) -> str:
    """The script that most letters are of."""
    if text.isascii():
        return "latin" if _ASCII.search(text) else UNKNOWN
    counts = {name: len(letters.findall(text)) for name, letters in _COUNTED.items()}
    most = max(counts, key=counts.__getitem__)
    return most if counts[most] else UNKNOWN
