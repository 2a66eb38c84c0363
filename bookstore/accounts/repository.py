"""The tables of accounts."""

from collections.abc import Sequence
from typing import NamedTuple

from bookstore.accounts.domain import Profile, Session
from bookstore.contracts import Contact, Person
from bookstore.data.database import Database
from bookstore.data.housekeeping import delete_older
from bookstore.data.queries import Queries

type Source = Database | Queries


class Credentials(NamedTuple):
    """What a sign-in is checked against."""

    id: int
    name: str
    email: str
    password_hash: str
    registration_key: str


class LiveSession(NamedTuple):
    """Whose a session is, and when it was last used (milliseconds)."""

    id: int
    name: str
    email: str
    seen_at: int


class _Contact(NamedTuple):
    id: int
    name: str
    email: str
    language: str
    confirmed_at: int | None
    undeliverable_at: int | None
    muted: str


async def add_person(
    source: Source, *, email: str, key: str, name: str, password_hash: str, form_key: str, now: int
) -> int:
    """Return the new person's id; raise Duplicate where the address is taken."""
    return await source.insert(
        "INSERT INTO people (email, email_key, name, password_hash, registration_key, created_at)"
        " VALUES (:email, :email_key, :name, :password_hash, :form_key, :now)",
        {
            "email": email,
            "email_key": key,
            "name": name,
            "password_hash": password_hash,
            "form_key": form_key,
            "now": now,
        },
    )


async def credentials(source: Source, key: str) -> Credentials | None:
    """Return what the account of a normalised address is checked against."""
    return await source.one(
        Credentials,
        "SELECT id, name, email, password_hash, registration_key FROM people"
        " WHERE email_key = :key",
        {"key": key},
    )


async def credentials_of(source: Source, person_id: int) -> Credentials | None:
    """Return what a person's current password is checked against."""
    return await source.one(
        Credentials,
        "SELECT id, name, email, password_hash, registration_key FROM people WHERE id = :id",
        {"id": person_id},
    )


async def profile(source: Source, person_id: int) -> Profile | None:
    """Return what others may see of a person, none where the account was deleted."""
    return await source.one(
        Profile,
        "SELECT id, name, created_at FROM people WHERE id = :id AND deleted_at IS NULL",
        {"id": person_id},
    )


async def rename(source: Source, person_id: int, name: str) -> None:
    """Give a person another name, from now on."""
    await source.execute(
        "UPDATE people SET name = :name WHERE id = :id", {"name": name, "id": person_id}
    )


async def set_password(source: Source, person_id: int, password_hash: str) -> None:
    """Replace the hash of a person's password; sessions stay as they are."""
    await source.execute(
        "UPDATE people SET password_hash = :hash WHERE id = :id",
        {"hash": password_hash, "id": person_id},
    )


async def confirm(source: Source, person_id: int, now: int) -> None:
    """Note that a person reads mail at his address, keeping the first such moment."""
    await source.execute(
        "UPDATE people SET confirmed_at = COALESCE(confirmed_at, :now), undeliverable_at = NULL"
        " WHERE id = :id",
        {"now": now, "id": person_id},
    )


async def change_email(source: Source, person_id: int, email: str, key: str, now: int) -> None:
    """Move an account to an address that was confirmed just now."""
    await source.execute(
        "UPDATE people SET email = :email, email_key = :key, confirmed_at = :now,"
        " undeliverable_at = NULL WHERE id = :id",
        {"email": email, "key": key, "now": now, "id": person_id},
    )


async def contacts(source: Source, person_ids: Sequence[int]) -> list[Contact]:
    """Return how to reach these people; who is unknown is left out."""
    rows = await source.all(
        _Contact,
        "SELECT id, name, email, language, confirmed_at, undeliverable_at, muted FROM people"
        " WHERE id IN :ids",
        {"ids": list(person_ids)},
    )
    return [
        Contact(
            row.id,
            row.name,
            row.email,
            row.language,
            row.confirmed_at is not None,
            row.undeliverable_at is None,
            tuple(filter(None, row.muted.split(","))),
        )
        for row in rows
    ]


async def mark_undeliverable(source: Source, person_id: int, email: str, now: int) -> None:
    """Note that mail came back, unless the address is another by now."""
    await source.execute(
        "UPDATE people SET undeliverable_at = :now WHERE id = :id AND email = :email",
        {"now": now, "id": person_id, "email": email},
    )


async def set_muted(source: Source, person_id: int, muted: str) -> None:
    """Replace the topics of mail that a person does not want, separated by blanks."""
    await source.execute(
        "UPDATE people SET muted = :muted WHERE id = :id", {"muted": muted, "id": person_id}
    )


async def set_language(source: Source, person_id: int, language: str) -> None:
    """Note the language in which mails to a person are written."""
    await source.execute(
        "UPDATE people SET language = :language WHERE id = :id",
        {"language": language, "id": person_id},
    )


async def forget_person(source: Source, person_id: int, name: str, now: int) -> None:
    """Take away what a person could be known by; the row stays, since orders name its id."""
    for table in (
        *("sessions", "sign_in_places", "one_time_links", "accounts_outbox"),
        *("second_steps", "recovery_codes", "passkeys"),
    ):
        await source.execute(f"DELETE FROM {table} WHERE person_id = :id", {"id": person_id})
    nowhere = f"deleted-{person_id}@invalid"
    await source.execute(
        "UPDATE people SET name = :name, email = :nowhere, email_key = :nowhere,"
        " password_hash = '!', registration_key = '', muted = '', confirmed_at = NULL,"
        " deleted_at = :now WHERE id = :id",
        {"name": name, "nowhere": nowhere, "now": now, "id": person_id},
    )


async def add_session(
    source: Source,
    *,
    token_hash: str,
    person_id: int,
    user_agent: str,
    address: str,
    now: int,
    expires_at: int,
) -> None:
    """Keep a new session under the hash of its token; times are milliseconds."""
    await source.execute(
        "INSERT INTO sessions"
        " (token_hash, person_id, user_agent, address, created_at, seen_at, expires_at)"
        " VALUES (:token_hash, :person_id, :user_agent, :address, :now, :now, :expires_at)",
        {
            "token_hash": token_hash,
            "person_id": person_id,
            "user_agent": user_agent,
            "address": address,
            "now": now,
            "expires_at": expires_at,
        },
    )


async def live_session(
    source: Source, token_hash: str, *, now: int, seen_after: int
) -> LiveSession | None:
    """Return whose a session is, unless it ended or was not used since `seen_after`."""
    return await source.one(
        LiveSession,
        "SELECT p.id, p.name, p.email, s.seen_at"
        " FROM sessions s JOIN people p ON p.id = s.person_id"
        " WHERE s.token_hash = :token_hash AND s.expires_at > :now AND s.seen_at > :seen_after",
        {"token_hash": token_hash, "now": now, "seen_after": seen_after},
    )


async def touch_session(source: Source, token_hash: str, now: int) -> None:
    """Note that a session is in use."""
    await source.execute(
        "UPDATE sessions SET seen_at = :now WHERE token_hash = :token_hash",
        {"now": now, "token_hash": token_hash},
    )


async def sessions_of(source: Source, person_id: int, now: int) -> list[Session]:
    """Return at most 50 living sessions of a person, last used first."""
    return await source.all(
        Session,
        "SELECT token_hash, user_agent, address, created_at, seen_at FROM sessions"
        " WHERE person_id = :person_id AND expires_at > :now ORDER BY seen_at DESC LIMIT 50",
        {"person_id": person_id, "now": now},
    )


async def end_session(source: Source, token_hash: str) -> None:
    """Sign out one browser; none may be signed in."""
    await source.execute("DELETE FROM sessions WHERE token_hash = :hash", {"hash": token_hash})


async def end_other_sessions(source: Source, person_id: int, kept_hash: str) -> int:
    """Return how many sessions of a person were ended, all but the kept one."""
    return await source.execute(
        "DELETE FROM sessions WHERE person_id = :person_id AND token_hash <> :kept",
        {"person_id": person_id, "kept": kept_hash},
    )


async def delete_old(database: Database, *, now: int, seen_before: int, places_before: int) -> None:
    """Delete sessions that ended or lie idle, and places nobody came from for long."""
    await delete_older(database, "sessions", "expires_at", now + 1)
    await delete_older(database, "sessions", "seen_at", seen_before + 1)
    await delete_older(database, "sign_in_places", "seen_at", places_before + 1)


async def knows_place(source: Source, person_id: int, place: str) -> bool:
    """Tell whether a person has signed in from a place."""
    return bool(
        await source.value(
            "SELECT 1 FROM sign_in_places WHERE person_id = :id AND place = :place",
            {"id": person_id, "place": place},
        )
    )


async def note_place(queries: Queries, person_id: int, place: str, now: int) -> None:
    """Note that a person has signed in from a place."""
    values = {"id": person_id, "place": place, "now": now}
    insert = "INSERT INTO sign_in_places (person_id, place, seen_at) VALUES (:id, :place, :now)"
    if queries.dialect == "mysql":
        await queries.execute(f"{insert} ON DUPLICATE KEY UPDATE seen_at = :now", values)
    else:
        await queries.execute(
            f"{insert} ON CONFLICT (person_id, place) DO UPDATE SET seen_at = :now", values
        )


def person_of(row: Credentials | LiveSession) -> Person:
    """Return the part of a row that other contexts may know."""
    return Person(row.id, row.name, row.email)
