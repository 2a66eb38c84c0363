"""What somebody meant whose words find nothing: other words of the catalogue that are one or two
typing errors away, apart or together, and that some book has."""

import heapq
import itertools
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from math import log10
from typing import NamedTuple

from bookstore.catalogue import vocabulary, words
from bookstore.catalogue.repository import Source
from bookstore.catalogue.search import COMMON

_TRIED = 10  # readings that are looked up
_TRIED_INSTEAD = 5  # where something was found
_PER_WORD = 6
_RARE = 2  # books that may have a word which is a slip of their sellers
_MOST = 6  # words that tell something; longer texts are no slips of the finger


# Tells whether a text finds enough; it is told in how many books each of the words is.
Finds = Callable[[str, Mapping[str, int]], Awaitable[bool]]


class _Reading(NamedTuple):
    cost: float
    words: tuple[str, ...]


async def meant(source: Source, text: str, finds: Finds) -> str | None:
    """Return what a text that finds nothing may have meant; `finds` tells whether a text finds
    something."""
    readings, books = await _readings(source, text)
    return await _first_found(readings[:_TRIED], books, finds)


async def instead(source: Source, text: str, finds: Finds, at_least: int) -> str | None:
    """Return what a text that finds little may have meant, if it has a word that few books have,
    and that may be another one mistyped: words that are in as many books as are to be found."""
    readings, books = await _readings(source, text, least=at_least, rare=_RARE)
    return await _first_found(readings[:_TRIED_INSTEAD], books, finds)


async def _first_found(
    readings: Iterable[_Reading], books: Mapping[str, int], finds: Finds
) -> str | None:
    for reading in readings:
        candidate = " ".join(reading.words)
        if await finds(candidate, books):
            return candidate
    return None


async def _readings(
    source: Source, text: str, *, least: int = 1, rare: int | None = None
) -> tuple[list[_Reading], dict[str, int]]:
    """Return how a text may be read, the likeliest first, and in how many books the words are;
    `least` and `rare` are as the vocabulary takes them."""
    typed = words.split(text)
    telling = sum(word not in COMMON for word in typed)
    if not 1 <= telling <= _MOST or any(words.is_pair(word) for word in typed):
        return [], {}
    # Words that are in books as they stand, if in few, are at most one slip away from others.
    most = 2 if rare is None else 1
    errors = {word: min(allowed(word), most) for word in typed}
    mistyped = [(word, count) for word, count in errors.items() if count]
    some = {*typed, *_together(typed)} | (_apart(typed) if rare is None else set())
    known, near = await vocabulary.around(source, some, mistyped, least=least, rare=rare)
    if rare is not None and all(known.get(word, 0) > rare for word, _errors in mistyped):
        return [], {}
    similar = {word: found for (word, _errors), found in zip(mistyped, near, strict=True)}
    options = [_options(word, errors[word], known, similar.get(word, [])) for word in typed]
    readings = [
        _Reading(sum(one.cost for one in chosen), tuple(w for one in chosen for w in one.words))
        for chosen in _cheapest(options)
    ]
    readings += _joined(typed, known, options)
    books = known | {one.word: one.books for found in near for one in found}
    # All words but the last, which may be begun only, are to be in books.
    possible = [
        reading
        for reading in sorted(readings)
        if reading.words != tuple(typed)
        and all(len(word) < 2 or books.get(word, 0) >= least for word in reading.words[:-1])
    ]
    return possible, books


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


def _options(
    word: str, errors: int, known: Mapping[str, int], similar: Iterable[vocabulary.Word]
) -> list[_Reading]:
    """Return how a word may be read: as it stands, as a similar one, or as two."""
    letters = set(word)
    found = [_Reading(0.0 if word in known else 4.0, (word,))]
    for other in similar:
        if other.word == word or len(letters.symmetric_difference(other.word)) > 2 * errors:
            continue
        cost = distance(word, other.word, errors)
        if cost <= errors:
            strange = 0.4 if other.word[0] != word[0] else 0.0
            rare = 0.6 / (1 + log10(other.books))
            # Common words are not looked up: one is meant only with letters swapped or doubled.
            common = 0.7 if other.word in COMMON and cost > _SWAPPED else 0.0
            found.append(_Reading(cost + strange + rare + common, (other.word,)))
    if word not in known:
        found += [
            _Reading(1.2, (word[:place], word[place:]))
            for place in range(2, len(word) - 1)
            if word[:place] in known and word[place:] in known
        ]
    return heapq.nsmallest(_PER_WORD, found)


def _apart(typed: Sequence[str]) -> set[str]:
    """Return the words that the typed ones may be made of."""
    return {
        piece
        for word in typed
        for place in range(2, len(word) - 1)
        for piece in (word[:place], word[place:])
    }


def _together(typed: Sequence[str]) -> set[str]:
    """Return the words that two typed ones may make."""
    return {first + second for first, second in itertools.pairwise(typed)}


def _joined(
    typed: Sequence[str], known: Mapping[str, int], options: Sequence[Sequence[_Reading]]
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
    """Return how many errors a word may have to be recognized still. A common word is none."""
    if not word.isalpha() or len(word) < 3 or word in COMMON:
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
