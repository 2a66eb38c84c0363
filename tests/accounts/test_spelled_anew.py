"""Addresses from before the one spelling of keys: what the migration makes of people's accounts."""

from pathlib import Path
from typing import NamedTuple

import pytest
import sqlalchemy as sa

from bookstore.accounts.domain import email_key
from bookstore.migrations import migrate, sync_engine
from bookstore.migrations.addresses import spell_anew
from tests.conftest import settings_for
from tests.support.mariadb import ENGINES


class Old(NamedTuple):
    """A person as the shop kept them: the address as typed, and its key of that time."""

    email: str
    key: str


def old(email: str) -> Old:
    return Old(email, email.strip().casefold())


@pytest.fixture(params=ENGINES)
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/old.db"
    return str(request.getfixturevalue("mariadb").create_database("spelled"))


def keys_after(url: str, tmp_path: Path, people: list[Old]) -> tuple[list[str], list[int]]:
    """Put people into a database as they were, spell their addresses anew, twice, and return their
    keys in order and the numbers of those whom the operator is told about."""
    migrate(settings_for(url, tmp_path, contexts="accounts"))
    engine = sync_engine(url)
    with engine.begin() as connection:
        for number, person in enumerate(people, 1):
            connection.execute(
                sa.text(
                    "INSERT INTO people (id, email, email_key, name, password_hash,"
                    " registration_key, created_at) VALUES (:id, :email, :key, 'x', 'x', 'x', 0)"
                ),
                {"id": number, "email": person.email, "key": person.key},
            )
    told: list[int] = []
    for _run in range(2):  # an interrupted migration runs again
        with engine.begin() as connection:
            told = spell_anew(connection)
    with engine.connect() as connection:
        keys = list(connection.scalars(sa.text("SELECT email_key FROM people ORDER BY id")))
    engine.dispose()
    return keys, told


def test_every_address_gets_the_key_by_which_its_owner_signs_in(url: str, tmp_path: Path) -> None:
    people = [
        old("Ana@Example.org"),
        old("josé@example.org"),
        old("mari\u0301a@example.org"),
        old("straße@example.org"),
        old("eva@BÜCHER.example"),
        old("ivo@xn--mller-kva.example"),
        old(" Ida@example.org "),
    ]
    keys, told = keys_after(url, tmp_path, people)
    assert keys == [email_key(person.email) for person in people]
    assert told == []


def test_of_two_with_one_address_the_first_keeps_it_and_the_operator_is_told(
    url: str, tmp_path: Path
) -> None:
    people = [
        old("josé@example.org"),
        old("jose\u0301@example.org"),
        old("eva@bücher.example"),
        old("eva@xn--bcher-kva.example"),
        old("jose@example.org"),
    ]
    keys, told = keys_after(url, tmp_path, people)
    assert [keys[0], keys[2], keys[4]] == [email_key(people[number].email) for number in (0, 2, 4)]
    assert told == [2, 4]
    assert len(set(keys)) == len(people)
    for number in told:  # nobody's address, however spelled, leads to such an account by chance
        assert email_key(keys[number - 1]) != keys[number - 1]


def test_a_key_that_another_gives_up_is_free(url: str, tmp_path: Path) -> None:
    people = [old("strasse@bücher.example"), old("straße@xn--bcher-kva.example")]
    assert email_key(people[0].email) == people[1].key
    keys, told = keys_after(url, tmp_path, people)
    assert keys == [email_key(person.email) for person in people]
    assert told == []


def test_the_deleted_stay_nobody(url: str, tmp_path: Path) -> None:
    keys, told = keys_after(url, tmp_path, [old("deleted-1@invalid"), old("ana@example.org")])
    assert keys == ["deleted-1@invalid", "ana@example.org"]
    assert told == []
