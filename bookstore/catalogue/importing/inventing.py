"""What `--invent` makes up for demonstrations and benchmarks: the same of a book on every run."""

import hashlib
import re

_HINTS = {
    "comics": r"vol(ume)?s? \d|batman|calvin and hobbes|manga|graphic novel|garfield|far side|"
    r"sandman|watchmen|alan moore|neil gaiman.*(dave mckean|kieth)|hergé|tintin|naruto|fables",
    "young": r"children|dr\. seuss|roald dahl|wimpy|magic tree house|goosebumps|winnie|"
    r"beverly cleary|rick riordan|j\.k\. rowling|lemony snicket|shel silverstein|eric carle|"
    r"babysitters|little house|beatrix potter|maurice sendak|judy blume|c\.s\. lewis",
    "fantasy": r"tolkien|george r\.r\. martin|terry pratchett|robert jordan|brandon sanderson|"
    r"isaac asimov|philip k\. dick|frank herbert|arthur c\. clarke|ursula k\. le guin|"
    r"douglas adams|ray bradbury|dragon|vampire|wizard|galaxy|star wars|neil gaiman|robin hobb|"
    r"patricia briggs|cassandra clare|sarah j\. maas|william gibson|neal stephenson|trudi canavan",
    "crime": r"murder|agatha christie|stephen king|dean koontz|james patterson|john grisham|"
    r"michael connelly|lee child|dan brown|gillian flynn|stieg larsson|raymond chandler|"
    r"arthur conan doyle|patricia cornwell|detective|killer|tom clancy|harlan coben|j\.d\. robb|"
    r"janet evanovich|ian rankin|jo nesb|sue grafton|dennis lehane|robert ludlum|mystery",
    "romance": r"nora roberts|nicholas sparks|danielle steel|julia quinn|jane green|e\.l\. james|"
    r"sylvia day|colleen hoover|sophie kinsella|diana gabaldon|bride|duke|\blove\b|jojo moyes|"
    r"johanna lindsey|lisa kleypas|judith mcnaught|stephenie meyer",
    "poetry": r"poem|poetry|sonnets|shakespeare|tragedy|\bplays?\b|leaves of grass|homer\b|dante|"
    r"sophocles|oscar wilde.*earnest",
    "history": r"history|biography|\blife of\b|memoir|\bwar:|civil war|autobiography|diary|empire|"
    r"revolution:|president|stephen e\. ambrose|david mccullough|erik larson|bill bryson",
    "science": r"science|universe|physics|evolution|gene\b|genome|\bbrain\b|mathematic|cosmos|"
    r"richard dawkins|stephen hawking|carl sagan|oliver sacks|mary roach",
    "society": r"how to|habits|leadership|business|success|money|rich dad|economics|psychology|"
    r"malcolm gladwell|self-help|happiness|philosophy|republic\b|christian|\bgod\b|bible|"
    r"marketing|management",
    "arts": r"cook|recipes|kitchen|\bart of\b|drawing|photograph|travels?\b|wine\b|design\b|"
    r"anthony bourdain|michael pollan",
}
_HINT = {code: re.compile(pattern, re.IGNORECASE) for code, pattern in _HINTS.items()}
_GRADE_SHARES = (("good", 35), ("very-good", 30), ("fine", 15), ("fair", 10), ("as-new", 8),
                 ("poor", 2))  # fmt: skip
_GRADE_FACTOR = {"new": 100, "as-new": 90, "fine": 80, "very-good": 65, "good": 50, "fair": 35,
                 "poor": 25}  # fmt: skip


def chance(title: str, author: str, isbn13: str | None) -> int:
    """Return a number that follows from the book alone."""
    return int.from_bytes(hashlib.sha256(f"{title}\x1f{author}\x1f{isbn13}".encode()).digest()[:8])


def condition(number: int) -> str:
    """Return a condition, worn ones being rarer."""
    point = number % 100
    for code, share in _GRADE_SHARES:
        if point < share:
            return code
        point -= share
    raise AssertionError("the shares add up to 100")


def price(grade: str, number: int) -> int:
    """Return 3 to 18 units in minor units, less for a worn copy."""
    new = 700 + number // 100 % 2000
    return max(200, new * _GRADE_FACTOR[grade] // 100 // 50 * 50)


def category(about: str) -> str | None:
    """Return the category that words of title and author hint at."""
    return next((code for code, hint in _HINT.items() if hint.search(about)), None)
