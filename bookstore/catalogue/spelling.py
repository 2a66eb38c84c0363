"""What somebody meant whose words find nothing: other words of the catalogue that are one or two
typing errors away, apart or together, and that some book has."""

import heapq
import itertools
from collections.abc import Awaitable, Callable, Sequence
from math import log10
from typing import NamedTuple

from bookstore.catalogue import vocabulary, words
from bookstore.catalogue.repository import Source

_TRIED = 10  # readings that are looked up
_PER_WORD = 6
_RARE = 2  # books that may have a word which is a slip of their sellers
_MOST = 6  # words; longer texts are no slips of the finger


class _Reading(NamedTuple):
    cost: float
    words: tuple[str, ...]


async def rare(source: Source, text: str) -> bool:
    """Tell whether a text has a word that few books have, and that may be another one mistyped."""
    typed = [word for word in words.split(text) if allowed(word) and not words.is_pair(word)]
    if not typed:
        return False
    known = await vocabulary.known(source, typed)
    return any(known.get(word, 0) <= _RARE for word in typed)


async def meant(
    source: Source, text: str, finds: Callable[[str], Awaitable[bool]], *, tried: int = _TRIED
) -> str | None:
    """Return what the text may have meant; `finds` tells whether a text finds enough, of so many
    readings at most."""
    typed = words.split(text)
    if not 1 <= len(typed) <= _MOST or any(words.is_pair(word) for word in typed):
        return None
    known = await vocabulary.known(source, {*typed, *_pieces(typed)})
    options = [await _options(source, word, known) for word in typed]
    readings = [
        _Reading(sum(one.cost for one in chosen), tuple(w for one in chosen for w in one.words))
        for chosen in _cheapest(options)
    ]
    readings += _joined(typed, known, options)
    for reading in heapq.nsmallest(tried, readings):
        candidate = " ".join(reading.words)
        if reading.words == tuple(typed) or _strange(reading.words[:-1], typed, known):
            continue
        if await finds(candidate):
            return candidate
    return None


def _strange(read: Sequence[str], typed: Sequence[str], known: dict[str, int]) -> bool:
    """Tell whether one of the words is as it was typed, and in no book."""
    return any(len(word) > 1 and word in typed and word not in known for word in read)


def _cheapest(options: Sequence[Sequence[_Reading]]) -> list[tuple[_Reading, ...]]:
    """Return the cheapest ways to read all words."""
    best: list[tuple[float, tuple[_Reading, ...]]] = [(0.0, ())]
    for choices in options:
        best = heapq.nsmallest(
            4 * _TRIED,
            ((cost + one.cost, (*chosen, one)) for cost, chosen in best for one in choices),
            key=lambda way: way[0],
        )
    return [chosen for _cost, chosen in best]


async def _options(source: Source, word: str, known: dict[str, int]) -> list[_Reading]:
    """Return how a word may be read: as it stands, as a similar one, or as two."""
    errors = allowed(word)
    found = [_Reading(0.0 if word in known else 4.0, (word,))]
    if errors:
        for other in await vocabulary.similar(source, word, errors):
            cost = distance(word, other.word, errors)
            if other.word != word and cost <= errors:
                strange = 0.4 if other.word[0] != word[0] else 0.0
                rare = 0.6 / (1 + log10(other.books))
                found.append(_Reading(cost + strange + rare, (other.word,)))
    if word not in known:
        found += [
            _Reading(1.2, (word[:place], word[place:]))
            for place in range(2, len(word) - 1)
            if word[:place] in known and word[place:] in known
        ]
    return heapq.nsmallest(_PER_WORD, found)


def _pieces(typed: Sequence[str]) -> set[str]:
    """Return the words that the typed ones may be made of, or make together."""
    apart = {
        piece
        for word in typed
        for place in range(2, len(word) - 1)
        for piece in (word[:place], word[place:])
    }
    return apart | {first + second for first, second in itertools.pairwise(typed)}


def _joined(
    typed: Sequence[str], known: dict[str, int], options: Sequence[Sequence[_Reading]]
) -> list[_Reading]:
    """Return readings in which two words are one."""
    found = []
    for place, (first, second) in enumerate(itertools.pairwise(typed)):
        if first + second in known:
            rest = [*options[:place], *options[place + 2 :]]
            for chosen in _cheapest(rest)[:3]:
                others = [word for one in chosen for word in one.words]
                taken = (*others[:place], first + second, *others[place:])
                found.append(_Reading(1.2 + sum(one.cost for one in chosen), taken))
    return found


def allowed(word: str) -> int:
    """Return how many errors a word may have to be recognized still."""
    if not word.isalpha() or len(word) < 3:
        return 0
    return 1 if len(word) < 6 else 2


# What an error costs: a letter doubled or not, two letters in the wrong order, a letter missing or
# too many, another letter.
_DOUBLED, _SWAPPED, _MISSING, _OTHER = 0.6, 0.8, 0.9, 1.0


def distance(typed: str, word: str, most: int) -> float:
    """Return what the errors between two words cost, or more than `most` when there are more."""
    if abs(len(typed) - len(word)) > most:
        return most + 1.0
    earlier: list[float] = []
    before: list[float] = []
    row = [place * _MISSING for place in range(len(word) + 1)]
    for i, letter in enumerate(typed, start=1):
        earlier, before, row = before, row, [i * _MISSING] + [0.0] * len(word)
        doubled = i > 1 and letter == typed[i - 2]
        for j, other in enumerate(word, start=1):
            again = j > 1 and other == word[j - 2]
            row[j] = min(
                before[j] + (_DOUBLED if doubled else _MISSING),
                row[j - 1] + (_DOUBLED if again else _MISSING),
                before[j - 1] + (_OTHER if letter != other else 0.0),
            )
            if i > 1 and j > 1 and letter == word[j - 2] and typed[i - 2] == other:
                row[j] = min(row[j], earlier[j - 2] + _SWAPPED)
        if min(row) > most:
            return most + 1.0
    return row[-1]
