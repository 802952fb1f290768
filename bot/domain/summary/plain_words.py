"""Plain English words that a rewritten summary may use beside those of its facts.

None of them names anything, counts, denies, or says in which state something is: such words must come from the facts.
"""

FUNCTION_WORDS = frozenset(
    """
    a an the this that these those it its they their them there here which who what when where while
    and or but as if so than then thus though although because since due owing
    at by for from in into of on onto to with within through across along during between before after until
    about around near behind under via per against towards upon
    is are was were be been being am has have had having do does did doing
    may might can could would will shall should must seems seem seemed appears appear appeared looks look looked
    also too likely probably possibly apparently perhaps currently still now already again just very rather
    utc
    """.split()  # noqa: SIM905 - as prose it can be read
)

OTHER_WORDS = frozenset(
    """
    alert incident issue problem trouble event symptom signal sign evidence fact detail
    service host machine system component part place
    cause reason source origin root consequence result effect impact
    begin began begun start come came coming become became lead led follow trace
    fire fires firing report say said show shown see seen point suggest indicate hint explain mean
    affect involve include reach spread extend touch hit span
    depend dependant dependent dependency upstream downstream above below beneath
    first earlier later ago further next together
    experience experiencing suffer feel felt find found get give given make made take
    user people team caller
    responsible related linked connected tied attributed considered believed suspected
    beginning origins originate originates originating stem
    ongoing continuing active present
    along alongside including like
    """.split()  # noqa: SIM905
)

NUMBER_WORDS = {
    word: str(number)
    for number, word in enumerate(
        ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve"]
    )
}

_ENDINGS = ("s", "es", "ed", "d", "ing", "ly")
_SHORTEST = 4


def is_plain(word: str) -> bool:
    """Whether a word, in lower case, is one of these or an inflection of one.

    >>> is_plain("affected"), is_plain("the"), is_plain("redis"), is_plain("not")
    (True, True, False, False)
    """
    known = FUNCTION_WORDS | OTHER_WORDS
    if word in known:
        return True
    bases = (word.removesuffix(ending) for ending in _ENDINGS if word.endswith(ending))
    return any(len(base) >= _SHORTEST and base in known for base in bases) or _without_e(word) in known


def _without_e(word: str) -> str:
    """``causing`` comes from ``cause``."""
    return f"{word.removesuffix('ing')}e" if word.endswith("ing") and len(word) > _SHORTEST + 3 else ""
