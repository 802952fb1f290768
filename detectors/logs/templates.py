"""Template mining: which lines of a log were written by the same statement of a program."""

import operator
import re
from collections import defaultdict
from collections.abc import Callable, Collection, Iterator
from typing import Any, Generic, TypeVar

from detectors.logs.fields import statement_of
from detectors.logs.masking import VALUE, mask, mask_word
from detectors.logs.traces import event_of

Tokens = tuple[str, ...]
Places = tuple[int, ...]
Key = TypeVar("Key")
Kept = TypeVar("Kept")

LINE_LENGTH = 1024  # characters of a line that are looked at
TOKENS = 256  # tokens of a line that are looked at
MOST_ALIKE = 200  # templates of the same number of tokens and the same first one
MOST_PLACES = 3  # in which templates differ may vary together
FEW_WORDS = 5  # a place that has shown more words than this is a variable
COMMON_WORDS = 2  # what lines must share, besides the place in question, to be taken for one template
COMMON_SIGNS = 4  # or one word, and so many words and signs together, as in "(root) CMD (<*>)"
LONGEST_REPEAT = 12  # tokens of a phrase that may repeat, as in lists
CACHE_SIZE = 4096
RULES = 3  # by which lines are read; 1 knew neither structured lines nor traces

# No two lines that differ in digits or control characters alone are different to us.
_ALIKE = bytes.maketrans(b"123456789" + bytes(range(32)) + b"\x7f", b"0" * 9 + b" " * 33)
_TOKEN = re.compile(rf"[\w$]*(?:{VALUE}|[\w$])[\w{VALUE}$]*(?:[.\-][\w{VALUE}$]+)*| |[^\w\s{VALUE}]+")
_READ_OTHERWISE = re.compile(r'\{|at |File "|Caused by: |.*\b(?:msg|message|event)=')  # by the first rules
_ERRORS_READ_OTHERWISE = re.compile(rf"ERROR |.*error=Trace|.*Group Trace|.*\(\w+ {VALUE}\) {VALUE}:|.*\[{VALUE}\]")
_NUMBERED = re.compile(rf"[a-z]+{VALUE}$")


class _Memo(dict[Key, Kept], Generic[Key, Kept]):
    """What a function gave for the keys of late. When full it begins anew."""

    def __init__(self, compute: Callable[[Key], Kept]) -> None:
        super().__init__()
        self._compute = compute

    def __missing__(self, key: Key) -> Kept:
        value = self._compute(key)
        if len(self) >= CACHE_SIZE:
            self.clear()
        self[key] = value
        return value


class Miner:
    """Gives each line the id of its template, as it comes, with one configuration for every system.

    A line is masked (see ``masking``) and cut into tokens. It belongs to a known template of as many tokens and the
    same first one when they agree, a masked place of the template taking in any word, as in Drain [1]_. Otherwise
    it begins a template of its own. A place in which templates differ, and only there, is a variable as soon as a
    masked value or more than ``FEW_WORDS`` words have stood there, which is Brain's [2]_ criterion; those then
    become one template under the oldest of their ids, and ``became`` tells so. It is online all the same: no line
    is kept or looked at again, an id once given is never split, and whoever counted lines under two ids that became
    one adds two numbers.

    Parameters
    ----------
    max_templates
        Above it the quarter least recently seen is forgotten.

    Examples
    --------
    >>> miner = Miner()
    >>> first, second = miner.add("job 17 took 3 s on node-4"), miner.add("job 9 took 12 s on node-11")
    >>> first == second, miner.text(first)
    (True, 'job <*> took <*> on <*>')

    References
    ----------
    .. [1] He, Zhu, Zheng, Lyu: Drain, an online log parsing approach with fixed depth tree. ICWS 2017.
    .. [2] Yu, He, Chen, Chen: Brain, log parsing with bidirectional parallel tree. IEEE TSC 16(5), 2023.
    """

    def __init__(self, max_templates: int = 2000) -> None:
        self._max_templates = max_templates
        self._templates: dict[int, Tokens] = {}
        self._alike: defaultdict[tuple[int, str], dict[Tokens, int]] = defaultdict(dict)
        self._last_seen: dict[int, int] = {}
        self.became: dict[int, int] = {}  # ids given earlier, and the ids of the templates they have become
        self._lines = 0
        self._ids = 0
        self._by_line: _Memo[bytes, int] = _Memo(self._find_line)
        self._by_mask: _Memo[str, int] = _Memo(self._find_masked)
        self._words: _Memo[str, str] = _Memo(mask_word)

    def __len__(self) -> int:
        return len(self._templates)

    def add(self, line: str) -> int:
        """The id of the line's template. Only its first ``LINE_LENGTH`` characters count.

        Of structured lines they are those of the message (see ``fields``), of stack traces those of the error.
        """
        if line[:1] == "{":
            line = statement_of(line)
        if "\n" in line:
            line = event_of(line)
        if len(line) > LINE_LENGTH:
            line = line[:LINE_LENGTH].rpartition(" ")[0] or line[:LINE_LENGTH]
        template = self._by_line[line.encode(errors="replace").translate(_ALIKE)]
        self._lines += 1
        self._last_seen[template] = self._lines
        return template

    def current(self, template: int) -> int:
        """The id that an id given earlier goes by now."""
        while template in self.became:
            template = self.became[template]
        return template

    def text(self, template: int) -> str:
        """The template as people read it, empty where it is forgotten."""
        return "".join(self._templates.get(self.current(template), ())).replace(VALUE, "<*>")

    def rest(self) -> None:
        """Let go of the lines and words that are remembered for speed only, as a quiet stream need not hold them."""
        self._by_line.clear()
        self._by_mask.clear()
        self._words.clear()

    def state(self) -> dict[str, Any]:
        """All that was learnt, fit for JSON."""
        templates = [[key, list(tokens), self._last_seen[key]] for key, tokens in self._templates.items()]
        became = list(self.became.items())
        return {"templates": templates, "became": became, "lines": self._lines, "ids": self._ids, "rules": RULES}

    @staticmethod
    def reads_alike(state: dict[str, Any]) -> bool:
        """Whether the lines of the templates that were learnt still get these templates."""
        rules = state.get("rules")
        if rules == RULES:
            return True
        otherwise = [_ERRORS_READ_OTHERWISE] if rules == 2 else [_ERRORS_READ_OTHERWISE, _READ_OTHERWISE]
        texts = ("".join(tokens) for _, tokens, _ in state["templates"])
        return not any(one.match(text) for text in texts for one in otherwise)

    @classmethod
    def behind(cls, state: dict[str, Any], max_templates: int = 2000) -> "Miner":
        """One that knows no template, and gives no id that was given already."""
        miner = cls(max_templates)
        miner._ids = state["ids"]
        return miner

    @classmethod
    def from_state(cls, state: dict[str, Any], max_templates: int = 2000) -> "Miner":
        miner = cls(max_templates)
        miner.became = dict(state["became"])
        miner._lines, miner._ids = state["lines"], state["ids"]
        for key, tokens, last_seen in state["templates"]:
            miner._keep(key, tuple(tokens), last_seen)
        return miner

    def _find_line(self, line: bytes) -> int:
        return self._by_mask[mask(statement_of(line.decode()), self._words.__getitem__)]

    def _find_masked(self, masked: str) -> int:
        template = self._find(_without_repeats(_TOKEN.findall(masked)[:TOKENS]) or ("",))
        if len(self._templates) > self._max_templates:
            self._forget(self._templates)
        return template

    def _find(self, tokens: Tokens) -> int:
        alike = self._alike[len(tokens), tokens[0]]
        if tokens in alike:
            return alike[tokens]
        for known, template in self._that_may_cover(tokens):
            if _covers(known, tokens):
                return template
        if len(alike) >= MOST_ALIKE:
            self._forget(alike.values())
        return self._begin(tokens, _siblings(tokens, alike))

    def _that_may_cover(self, tokens: Tokens) -> Iterator[tuple[Tokens, int]]:
        """Those that begin alike, and those that begin with a variable."""
        yield from self._alike[len(tokens), tokens[0]].items()
        if tokens[0] != VALUE and (len(tokens), VALUE) in self._alike:
            yield from self._alike[len(tokens), VALUE].items()

    def _that_it_may_cover(self, tokens: Tokens) -> Iterator[Tokens]:
        """Those that begin alike; where it begins with a variable, all of as many tokens."""
        for (length, first), alike in self._alike.items():
            if length == len(tokens) and tokens[0] in (VALUE, first):
                yield from alike

    def _begin(self, tokens: Tokens, siblings: dict[Places, list[Tokens]]) -> int:
        absorbed = [known for known in self._that_it_may_cover(tokens) if _covers(tokens, known)]
        template = self._merge(absorbed) if absorbed else self._new_id()
        self._keep(template, tokens, self._lines)
        for places, others in siblings.items():
            if any(tokens[at] != VALUE for at in places) and all(_vary(at, tokens, others) for at in places):
                return self._find(tuple(VALUE if at in places else token for at, token in enumerate(tokens)))
        return template

    def _new_id(self) -> int:
        self._ids += 1
        return self._ids

    def _keep(self, template: int, tokens: Tokens, last_seen: int) -> None:
        self._templates[template] = tokens
        self._alike[len(tokens), tokens[0]][tokens] = template
        self._last_seen[template] = last_seen

    def _merge(self, absorbed: list[Tokens]) -> int:
        """Drop what a more general template covers, and give the id it shall have."""
        ids = sorted(self._alike[len(tokens), tokens[0]][tokens] for tokens in absorbed)
        for template in ids:
            self._drop(template)
        self.became.update(dict.fromkeys(ids[1:], ids[0]))
        return ids[0]

    def _drop(self, template: int) -> None:
        tokens = self._templates.pop(template)
        del self._last_seen[template]
        alike = self._alike[len(tokens), tokens[0]]
        del alike[tokens]
        if not alike:
            del self._alike[len(tokens), tokens[0]]
        self._by_line.clear()
        self._by_mask.clear()

    def _forget(self, templates: Collection[int]) -> None:
        """Drop the quarter of them least recently seen."""
        for template in sorted(templates, key=self._last_seen.__getitem__)[: len(templates) // 4 + 1]:
            self._drop(template)
        self.became = {old: self.current(old) for old in self.became if self.current(old) in self._templates}


def _is_word(token: str) -> bool:
    return token[:1] == VALUE or token[:1].isidentifier()


def _enough_in_common(tokens: Tokens, place: int = -1) -> bool:
    others = [token for at, token in enumerate(tokens) if at != place and token != " "]
    words = sum(token[:1].isidentifier() for token in others)
    return words >= COMMON_WORDS or (words > 0 and words + sum(not _is_word(one) for one in others) >= COMMON_SIGNS)


def _covers(known: Tokens, tokens: Tokens) -> bool:
    return (
        VALUE in known
        and all(
            mine == theirs or (mine == VALUE and _is_word(theirs)) for mine, theirs in zip(known, tokens, strict=True)
        )
        and _enough_in_common(known)
    )


def _siblings(tokens: Tokens, alike: dict[Tokens, int]) -> dict[Places, list[Tokens]]:
    """The known templates that differ in a few words only, by their places. First words and keys are no variables."""
    siblings: dict[Places, list[Tokens]] = {}
    for known in alike:
        differs = list(map(operator.ne, known, tokens))
        if sum(differs) <= MOST_PLACES:
            places = tuple(at for at, one in enumerate(differs) if one)
            siblings.setdefault(places, []).append(known)
    return {
        places: found
        for places, found in sorted(siblings.items(), key=lambda one: len(one[0]))
        if places[0] > 0 and all(_may_vary(place, tokens, found) for place in places) and _share(tokens, places)
    }


def _may_vary(place: int, tokens: Tokens, others: list[Tokens]) -> bool:
    return all(_is_word(one[place]) for one in (tokens, *others)) and tokens[place + 1 : place + 2] != ("=",)


def _share(tokens: Tokens, places: Places) -> bool:
    """Whether what is left is enough to take lines for one template. Where several places vary it is more than they."""
    if len(places) == 1:
        return _enough_in_common(tokens, places[0])
    words = sum(token[:1].isidentifier() for at, token in enumerate(tokens) if at not in places)
    return words > len(places)


def _vary(place: int, tokens: Tokens, others: list[Tokens]) -> bool:
    """Whether more than a few words have stood in a place, or a value did."""
    words = {one[place] for one in (tokens, *others)}
    return VALUE in words or len(words) > FEW_WORDS


def _without_repeats(tokens: list[str]) -> Tokens:
    """The tokens with a list of like things cut to one: ``<*> <ok> <*> <ok>`` says no more than ``<*> <ok>``.

    Names that end in a number, as nodes of a cluster have, are like things whatever their kind: ``dn<*> an<*>``. The
    first token is what the line is about: one of them, too.
    """
    plain = [VALUE if _NUMBERED.match(token) else token for token in tokens] if _has_numbered(tokens) else tokens
    kept: list[str] = []
    alike: list[str] = []  # what is kept, without the kinds of numbered names
    for token, one in zip(tokens, plain, strict=True):
        kept.append(token)
        alike.append(one)
        for size in range(1, min(LONGEST_REPEAT, len(alike) // 2) + 1):
            if (
                one == alike[-1 - size]
                and alike[-size:] == alike[-2 * size : -size]
                and VALUE in "".join(alike[-size:])
            ):
                if kept[-size:] != kept[-2 * size : -size]:
                    kept[-2 * size : -size] = alike[-size:]
                del kept[-size:], alike[-size:]
                break
    return (*alike[:1], *kept[1:])


def _has_numbered(tokens: list[str]) -> bool:
    return any(token[-1] == VALUE and len(token) > 1 for token in tokens)
