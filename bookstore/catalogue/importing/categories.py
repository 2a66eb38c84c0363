"""Categories by the words that shops, libraries and people use for them."""

import re
from functools import lru_cache

from bookstore.catalogue.domain import CATEGORIES
from bookstore.catalogue.importing.columns import key

_WORDS = {
    "fiction": "fiction, general fiction, literary fiction, contemporary fiction, novel, novels,"
    " literature, literatura, narrativa, ficcion, novela, short stories, cuentos, relatos,"
    " literature and fiction, literatura y ficcion, historical fiction, novela historica, modern"
    " fiction, world literature, literatura universal, humor, humour, humorous fiction",
    "classics": "classic, classics, classic literature, classic fiction, clasicos, clasico,"
    " literatura clasica, ancient literature, medieval literature",
    "crime": "crime, crime fiction, mystery, mysteries, thriller, thrillers, suspense, detective,"
    " crime and mystery, mystery and suspense, mystery thriller and suspense, true crime, noir,"
    " novela negra, policiaca, novela policiaca, misterio, suspenso, crimen, spy, espionage,"
    " horror, terror, mystery and thrillers, crime thriller and mystery, police procedural",
    "fantasy": "fantasy, science fiction, sci fi, scifi, sf, science fiction and fantasy, fantasia,"
    " ciencia ficcion, fantastica, speculative fiction, dystopia, distopia, urban fantasy,"
    " paranormal, fantasy fiction, ciencia ficcion y fantasia, sff",
    "romance": "romance, romantic fiction, romantica, novela romantica, contemporary romance, love"
    " stories, chick lit, erotica, amor, historical romance, romantic comedy",
    "young": "children, childrens, childrens books, children's books, kids, kids books, juvenile,"
    " juvenile fiction, juvenile nonfiction, young adult, young adult fiction, ya, teen, teens,"
    " picture books, infantil, juvenil, literatura infantil, infantil y juvenil, libros infantiles,"
    " ninos, middle grade, childrens literature, early readers, fairy tales, cuentos infantiles",
    "comics": "comics, comic, comic books, graphic novel, graphic novels, manga, tebeos, tebeo,"
    " novela grafica, comics and graphic novels, historietas, bande dessinee",
    "poetry": "poetry, poems, poesia, poesie, drama, plays, teatro, theatre, theater, poetry and"
    " drama, verse, poesia y teatro, dramas",
    "history": "history, biography, biographies, memoir, memoirs, autobiography, historia,"
    " biografia, biografias, memorias, biography and autobiography, biographies and memoirs,"
    " military, military history, war, world war ii, guerra, politics and history, genealogy,"
    " archaeology, arqueologia, letters, diaries",
    "science": "science, sciences, nature, mathematics, maths, physics, biology, chemistry,"
    " technology, computers, computer science, computing, programming, medicine, medical,"
    " astronomy, engineering, ciencia, ciencias, naturaleza, matematicas, informatica, medicina,"
    " tecnologia, animals, pets, environment, ecology, botany, popular science, divulgacion,"
    " divulgacion cientifica, science and nature, science and math",
    "society": "society, business, self help, economics, psychology, philosophy, religion,"
    " politics, political science, social science, social sciences, sociology, education, law,"
    " reference, spirituality, health, parenting, sociedad, empresa, negocios, economia,"
    " psicologia, filosofia, religion y espiritualidad, politica, derecho, educacion, autoayuda,"
    " ensayo, essays, essay, business and economics, personal development, family, languages,"
    " body mind and spirit, current affairs, anthropology, antropologia, finance, management",
    "arts": "art, arts, cooking, cookbooks, cookery, food, food and drink, travel, music,"
    " photography, architecture, design, crafts, crafts and hobbies, hobbies, gardening, fashion,"
    " film, cinema, performing arts, sports, games, antiques, arte, cocina, gastronomia, viajes,"
    " viaje, musica, fotografia, arquitectura, diseno, manualidades, jardineria, cine, deportes,"
    " guias de viaje, travel guides, home and garden, art and photography, recipes, recetas,"
    " interior design, moda",
}
_BISAC = {
    "FIC004": "classics", "FIC022": "crime", "FIC030": "crime", "FIC031": "crime",
    "FIC050": "crime", "FIC062": "crime", "FIC015": "crime", "FIC009": "fantasy",
    "FIC028": "fantasy", "FIC027": "romance", "FIC005": "romance", "TRU": "crime",
    "FIC": "fiction", "LCO": "fiction", "HUM": "fiction", "JUV": "young", "JNF": "young",
    "YAF": "young", "YAN": "young", "CGN": "comics", "POE": "poetry", "DRA": "poetry",
    "LIT": "society", "HIS": "history", "BIO": "history", "SCI": "science", "NAT": "science",
    "MAT": "science", "TEC": "science", "MED": "science", "COM": "science", "PET": "science",
    "SOC": "society", "BUS": "society", "SEL": "society", "POL": "society", "PHI": "society",
    "REL": "society", "BIB": "society", "PSY": "society", "EDU": "society", "FAM": "society",
    "LAW": "society", "OCC": "society", "HEA": "society", "LAN": "society", "FOR": "society",
    "REF": "society", "STU": "society", "ART": "arts", "CKB": "arts", "TRV": "arts",
    "MUS": "arts", "PHO": "arts", "ARC": "arts", "DES": "arts", "CRA": "arts", "HOM": "arts",
    "GAR": "arts", "PER": "arts", "SPO": "arts", "GAM": "arts", "ANT": "arts", "TRA": "arts",
}  # fmt: skip
_CATEGORY_OF = {
    key(word): code
    for code, words in _WORDS.items()
    for word in (*words.split(","), code, CATEGORIES[code])
}
_CODED = re.compile(r"([A-Z]{3})(\d{3})(\d{3})")


@lru_cache(maxsize=5_000)
def code(text: str) -> str | None:
    """Return the category's code, or None for words that name none that is known. Of a path the
    narrowest part that is known counts."""
    if match := _CODED.match(text.strip().upper()):
        return _BISAC.get(match[1] + match[2]) or _BISAC.get(match[1])
    whole = _named(text)
    if whole is not None:
        return whole
    for part in reversed(re.split(r"\s*(?:>|/|\||::|--|»|→)\s*", text)):
        found = _named(part) or next(
            filter(None, (_named(word) for word in re.split(r"[,;&]|\band\b|\by\b", part))), None
        )
        if found is not None:
            return found
    return None


def _named(text: str) -> str | None:
    plain = key(re.sub(r"\s&\s|\s\+\s", " and ", text))
    return _CATEGORY_OF.get(plain) or ("other" if plain in {"other", "otros", "otro"} else None)
