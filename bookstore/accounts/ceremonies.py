"""WebAuthn's two ceremonies, making a passkey and signing in with it, through the library. It is
imported when the first passkey is used: a replica at rest need not hold it."""

import json
from collections.abc import Iterable
from urllib.parse import urlsplit

from webauthn import (
    base64url_to_bytes,
    generate_authentication_options,
    generate_registration_options,
    options_to_json,
    verify_authentication_response,
    verify_registration_response,
)
from webauthn.helpers import bytes_to_base64url, parse_client_data_json
from webauthn.helpers.exceptions import WebAuthnException
from webauthn.helpers.structs import (
    AuthenticatorSelectionCriteria,
    PublicKeyCredentialDescriptor,
    ResidentKeyRequirement,
    UserVerificationRequirement,
)

from bookstore.contracts import Person

# What an answer of the wrong shape leads to, down to thousands of brackets.
MALFORMED = (WebAuthnException, ValueError, KeyError, TypeError, RecursionError)


def options_to_add(person: Person, origin: str, challenge: bytes, known: Iterable[str]) -> str:
    """Return what the browser needs to make a passkey beside those known, as JSON."""
    options = generate_registration_options(
        rp_id=urlsplit(origin).hostname or "",
        rp_name="BookStore",
        user_id=str(person.id).encode(),
        user_name=person.email,
        user_display_name=person.name,
        challenge=challenge,
        authenticator_selection=AuthenticatorSelectionCriteria(
            resident_key=ResidentKeyRequirement.REQUIRED,
            user_verification=UserVerificationRequirement.REQUIRED,
        ),
        exclude_credentials=[
            PublicKeyCredentialDescriptor(id=base64url_to_bytes(i)) for i in known
        ],
    )
    return options_to_json(options)


def made(answer: str, challenge: bytes, origin: str) -> tuple[str, str, int]:
    """Return id, public key and count of the passkey that was made; raise one of MALFORMED."""
    found = verify_registration_response(
        credential=answer,
        expected_challenge=challenge,
        expected_rp_id=urlsplit(origin).hostname or "",
        expected_origin=origin,
        require_user_verification=True,
    )
    return (
        bytes_to_base64url(found.credential_id),
        bytes_to_base64url(found.credential_public_key),
        found.sign_count,
    )


def options_to_sign_in(origin: str, challenge: bytes) -> str:
    """Return what the browser needs to sign in with a passkey, as JSON."""
    options = generate_authentication_options(
        rp_id=urlsplit(origin).hostname or "",
        challenge=challenge,
        user_verification=UserVerificationRequirement.REQUIRED,
    )
    return options_to_json(options)


def signed_in(answer: str, challenge: bytes, origin: str, public_key: str, count: int) -> int:
    """Return the passkey's new count if its answer is right; raise one of MALFORMED."""
    return verify_authentication_response(
        credential=answer,
        expected_challenge=challenge,
        expected_rp_id=urlsplit(origin).hostname or "",
        expected_origin=origin,
        credential_public_key=base64url_to_bytes(public_key),
        credential_current_sign_count=count,
        require_user_verification=True,
    ).new_sign_count


def challenge_of(answer: str) -> bytes:
    """Return the challenge that an answer is for; raise one of MALFORMED."""
    client_data = base64url_to_bytes(json.loads(answer)["response"]["clientDataJSON"])
    return parse_client_data_json(client_data).challenge
