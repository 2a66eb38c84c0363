"""A small catalogue of real books for a first look at the shop. The descriptions are ours."""

from collections.abc import Sequence
from typing import NamedTuple

from bookstore import money
from bookstore.catalogue import repository
from bookstore.catalogue.domain import Seller, Terms
from bookstore.clock import HOUR, Clock
from bookstore.data.database import Database
from bookstore.data.queries import Queries


class DemoBook(NamedTuple):
    """One line of the table below; the price is in minor units."""

    title: str
    author: str
    isbn13: str | None
    year: int
    language: str
    category: str
    condition: str
    price: int
    copies: int
    description: str


def _book(line: str) -> DemoBook:
    parts = [part.strip() for part in line.split("|")]
    title, author, isbn13, year, language, category, condition, price, copies, description = parts
    return DemoBook(
        title, author, isbn13 or None, int(year), language, category, condition, int(price),
        int(copies), description,
    )  # fmt: skip


# title | author | ISBN-13 | year | language | category | condition | price | copies | description
BOOKS = tuple(
    _book(line)
    for line in """
Don Quijote de la Mancha | Miguel de Cervantes | 9788420412146 | 1605 | es | classics | very-good | 1450 | 2 | Un hidalgo lee demasiado y sale a arreglar el mundo. La primera novela moderna, y la más divertida.
Cien años de soledad | Gabriel García Márquez | 9788497592208 | 1967 | es | fiction | good | 790 | 3 | Siete generaciones de los Buendía en Macondo, donde llueve cuatro años seguidos.
La casa de los espíritus | Isabel Allende | 9788497592437 | 1982 | es | fiction | very-good | 850 | 1 | Una familia chilena, una casa llena de voces y el siglo que entra por la puerta.
Rayuela | Julio Cortázar | 9788437604572 | 1963 | es | fiction | fair | 620 | 1 | Se puede leer en orden o a saltos, como se juega en la acera.
Ficciones | Jorge Luis Borges | 9788420633121 | 1944 | es | fiction | fine | 980 | 2 | Bibliotecas infinitas, espejos y jardines: cuentos cortos que no se acaban.
Pedro Páramo | Juan Rulfo | 9788437604183 | 1955 | es | fiction | good | 690 | 2 | Un hijo busca a su padre en un pueblo donde todos murmuran y nadie respira.
La sombra del viento | Carlos Ruiz Zafón | 9788408043645 | 2001 | es | crime | very-good | 720 | 4 | En la Barcelona de la posguerra, un libro olvidado persigue a quien lo encuentra.
Niebla | Miguel de Unamuno | 9788420664590 | 1914 | es | classics | good | 450 | 1 | Un personaje visita a su autor para discutir si debe morir.
Bodas de sangre | Federico García Lorca | 9788437605609 | 1933 | es | poetry | good | 520 | 2 | Una boda, dos familias y la luna, que lo ve todo.
Veinte poemas de amor y una canción desesperada | Pablo Neruda | 9788437609942 | 1924 | es | poetry | as-new | 640 | 3 | Puedo escribir los versos más tristes esta noche: y los escribió, con diecinueve años.
La familia de Pascual Duarte | Camilo José Cela | 9788423342808 | 1942 | es | fiction | fair | 390 | 1 | Una confesión áspera desde la celda de los condenados.
Nada | Carmen Laforet | 9788423342792 | 1945 | es | fiction | very-good | 680 | 2 | Una estudiante llega a Barcelona y la casa de la calle Aribau no la suelta.
El amor en los tiempos del cólera | Gabriel García Márquez | 9788497592451 | 1985 | es | romance | good | 760 | 2 | Cincuenta y un años, nueve meses y cuatro días de espera.
Como agua para chocolate | Laura Esquivel | 9788497592734 | 1989 | es | romance | good | 590 | 1 | Doce recetas, una por mes, y un amor que se cocina a fuego lento.
Mafalda: Todas las tiras | Quino | | 2011 | es | comics | fine | 2450 | 1 | La niña que odia la sopa y no entiende el mundo; nosotros tampoco.
Pride and Prejudice | Jane Austen | 9780141439518 | 1813 | en | classics | very-good | 560 | 3 | A truth universally acknowledged, and the woman who takes her time to believe it.
Jane Eyre | Charlotte Brontë | 9780141441146 | 1847 | en | classics | good | 490 | 2 | A governess with a will of her own in a house with a locked floor.
Wuthering Heights | Emily Brontë | 9780141439556 | 1847 | en | classics | fair | 380 | 1 | Two houses on the moor, and a love that spares nobody in either.
Frankenstein | Mary Shelley | 9780141439471 | 1818 | en | classics | good | 430 | 2 | A student makes a living creature and then looks away.
Great Expectations | Charles Dickens | 9780141439563 | 1861 | en | classics | good | 450 | 1 | A convict on the marshes, a stopped clock, and what money does to a boy.
Moby-Dick | Herman Melville | 9780142437247 | 1851 | en | classics | very-good | 680 | 1 | A voyage after one whale, with everything a sailor knows packed below deck.
Middlemarch | George Eliot | 9780141439549 | 1871 | en | classics | good | 620 | 1 | A whole town, seen with more patience than it deserves.
The Picture of Dorian Gray | Oscar Wilde | 9780141439570 | 1890 | en | classics | as-new | 540 | 2 | The portrait in the attic keeps the accounts.
Dracula | Bram Stoker | 9780141439846 | 1897 | en | classics | good | 480 | 2 | Letters and diaries from people who should not have let him in.
The Adventures of Sherlock Holmes | Arthur Conan Doyle | 9780140437713 | 1892 | en | crime | good | 510 | 2 | Twelve cases, one violin, and a friend who writes it all down.
Murder on the Orient Express | Agatha Christie | 9780062693662 | 1934 | en | crime | very-good | 590 | 3 | Snow on the line, a dead man, and too many clues.
And Then There Were None | Agatha Christie | 9780062073488 | 1939 | en | crime | good | 540 | 2 | Ten guests, an island, and a nursery rhyme that counts down.
The Big Sleep | Raymond Chandler | 9780394758282 | 1939 | en | crime | good | 620 | 1 | Marlowe works for four million dollars and twenty-five a day.
The Name of the Rose | Umberto Eco | 9780156001311 | 1980 | en | crime | very-good | 740 | 1 | A monk detective, a labyrinth of books, and one that kills its readers.
Nineteen Eighty-Four | George Orwell | 9780452284234 | 1949 | en | fiction | good | 480 | 4 | A man keeps a diary, which is a crime of thought.
Animal Farm | George Orwell | 9780451526342 | 1945 | en | fiction | fair | 320 | 2 | The animals take over the farm; then the pigs take over the animals.
Brave New World | Aldous Huxley | 9780060850524 | 1932 | en | fiction | good | 520 | 2 | Everybody is happy, and that is the trouble.
The Great Gatsby | F. Scott Fitzgerald | 9780743273565 | 1925 | en | fiction | very-good | 560 | 3 | Parties across the bay, for a guest who never comes.
To Kill a Mockingbird | Harper Lee | 9780061120084 | 1960 | en | fiction | good | 540 | 2 | Three summers in Maycomb, told by the girl who watched the trial.
The Catcher in the Rye | J. D. Salinger | 9780316769488 | 1951 | en | fiction | good | 490 | 1 | Three days in New York with a boy who has had enough.
Mrs Dalloway | Virginia Woolf | 9780156628709 | 1925 | en | fiction | very-good | 610 | 1 | One June day in London, and all the others inside it.
Beloved | Toni Morrison | 9781400033416 | 1987 | en | fiction | good | 690 | 1 | A house in Ohio is haunted by what was done to escape.
The Handmaid's Tale | Margaret Atwood | 9780385490818 | 1985 | en | fiction | very-good | 640 | 2 | A woman with a borrowed name remembers her own.
Things Fall Apart | Chinua Achebe | 9780385474542 | 1958 | en | fiction | good | 560 | 2 | Okonkwo is the strongest man of nine villages when the strangers arrive.
The Remains of the Day | Kazuo Ishiguro | 9780679731726 | 1989 | en | fiction | fine | 650 | 1 | A butler drives through England and almost says what he means.
Invisible Cities | Italo Calvino | 9780156453806 | 1972 | en | fiction | very-good | 720 | 2 | Marco Polo describes fifty-five cities, or one.
The Hobbit | J. R. R. Tolkien | 9780547928227 | 1937 | en | fantasy | good | 680 | 3 | There and back again, with thirteen dwarves and one handkerchief short.
The Fellowship of the Ring | J. R. R. Tolkien | 9780547928210 | 1954 | en | fantasy | very-good | 790 | 2 | A ring, a road, and nine who take it.
The Left Hand of Darkness | Ursula K. Le Guin | 9780441478125 | 1969 | en | fantasy | good | 590 | 2 | An envoy alone on a planet of winter, learning how to see.
A Wizard of Earthsea | Ursula K. Le Guin | 9780547773742 | 1968 | en | fantasy | as-new | 620 | 1 | A boy learns the true names of things, and then his own.
Dune | Frank Herbert | 9780441172719 | 1965 | en | fantasy | fair | 520 | 2 | Water, spice, and a family sent to govern a desert.
Foundation | Isaac Asimov | 9780553293357 | 1951 | en | fantasy | good | 540 | 2 | A mathematician sees the fall of an empire and plans for the day after.
Neuromancer | William Gibson | 9780441569595 | 1984 | en | fantasy | good | 560 | 1 | A burnt-out thief gets one more job, in a place that is not a place.
The Hitchhiker's Guide to the Galaxy | Douglas Adams | 9780345391803 | 1979 | en | fantasy | very-good | 580 | 2 | The Earth is demolished on a Thursday. Bring a towel.
Alice's Adventures in Wonderland | Lewis Carroll | 9780141439761 | 1865 | en | young | fine | 520 | 2 | Down a hole after a rabbit who is late.
The Little Prince | Antoine de Saint-Exupéry | 9780156012195 | 1943 | en | young | as-new | 720 | 3 | A pilot in the desert is asked to draw a sheep.
Charlotte's Web | E. B. White | 9780064400558 | 1952 | en | young | good | 390 | 2 | A pig, a spider, and the right word at the right time.
Maus | Art Spiegelman | 9780394747231 | 1986 | en | comics | very-good | 1150 | 1 | A son draws what his father survived.
Persepolis | Marjane Satrapi | 9780375714573 | 2003 | en | comics | good | 980 | 1 | Growing up in Tehran in black and white.
Leaves of Grass | Walt Whitman | 9780140421996 | 1855 | en | poetry | good | 540 | 1 | A poet sings of himself and means everybody.
Hamlet | William Shakespeare | 9780743477123 | 1603 | en | poetry | fair | 290 | 3 | The prince who thought about it.
A Brief History of Time | Stephen Hawking | 9780553380163 | 1988 | en | science | good | 690 | 2 | From the big bang to black holes with a single equation.
The Origin of Species | Charles Darwin | 9780451529060 | 1859 | en | science | good | 560 | 1 | Pigeons, barnacles and finches, and one long argument.
Silent Spring | Rachel Carson | 9780618249060 | 1962 | en | science | very-good | 740 | 1 | The book after which the birds were listened to.
The Diary of a Young Girl | Anne Frank | 9780553296983 | 1947 | en | history | good | 450 | 2 | Two years behind a bookcase in Amsterdam.
Sapiens | Yuval Noah Harari | 9780062316097 | 2011 | en | history | as-new | 1190 | 3 | How one kind of ape came to run everything.
Meditations | Marcus Aurelius | 9780812968255 | 180 | en | society | good | 520 | 2 | An emperor reminds himself, every evening, how to behave.
L'Étranger | Albert Camus | 9782070360024 | 1942 | fr | fiction | good | 480 | 2 | Un homme, le soleil, une plage, et quatre coups brefs.
Madame Bovary | Gustave Flaubert | 9782070413119 | 1857 | fr | classics | good | 420 | 1 | La province, les romans, et l'ennui entre les deux.
Der Prozess | Franz Kafka | 9783596507092 | 1925 | de | classics | good | 560 | 1 | Jemand musste Josef K. verleumdet haben.
Terra Alta | Javier Cercas | | 2019 | es | crime | as-new | 880 | 1 | Un crimen en una comarca donde nunca pasa nada, y un policía que lee Los miserables.
""".strip().splitlines()
)


async def load_demo(
    database: Database, sellers: Sequence[tuple[int, str]], clock: Clock, *, currency: str
) -> int:
    """Put the demo's books on sale, dealt out among the sellers; return how many were added.
    A second call adds none."""
    now = clock()

    async def load(queries: Queries) -> int:
        added = 0
        for number, book in enumerate(BOOKS):
            key = f"demo {number + 1}"
            if await queries.value("SELECT id FROM books WHERE import_key = :key", {"key": key}):
                continue
            seller_id, seller_name = sellers[number % len(sellers)]
            terms = Terms(
                title=book.title,
                author=book.author,
                isbn13=book.isbn13,
                language=book.language,
                year=book.year,
                category=book.category,
                condition=book.condition,
                ex_library=number % 17 == 0,
                defects="",
                description=book.description,
                price=book.price * 10 ** max(money.digits(currency) - 2, 0),
            )
            values = repository.book_values(
                terms,
                seller=Seller(seller_id, seller_name),
                copies=book.copies,
                currency=currency,
                now=now - number * HOUR,
                import_key=key,
            )
            await repository.add_book(queries, values, terms)
            added += 1
        return added

    return await database.in_transaction(load)
