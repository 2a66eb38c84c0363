"""Password hashes: argon2id in threads, a few at a time, never on the event loop."""

import asyncio
import unicodedata
from concurrent.futures import ThreadPoolExecutor
from functools import cache

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

# OWASP's smallest advised memory; two at once keep a replica under 40 MiB of hashing.
_hasher = PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1)
_threads = ThreadPoolExecutor(2, thread_name_prefix="argon2")


@cache
def common_passwords() -> frozenset[str]:
    """Return the passwords that guessers try first, lower-case."""
    from zxcvbn.frequency_lists import FREQUENCY_LISTS  # 11 MB, which few replicas at rest need

    return frozenset(FREQUENCY_LISTS["passwords"])


@cache
def _nobodys_hash() -> str:
    return _hasher.hash("the password of an account that does not exist")


async def hash_password(password: str) -> str:
    """Return the hash to keep."""
    return await asyncio.get_running_loop().run_in_executor(
        _threads, _hasher.hash, _typed(password)
    )


async def verify(password: str, password_hash: str | None) -> bool:
    """Tell whether the password is right. Without a hash it takes the same time and says no."""
    return await asyncio.get_running_loop().run_in_executor(
        _threads, _verify, password, password_hash
    )


def _verify(password: str, password_hash: str | None) -> bool:
    # The second spelling is that of hashes which were made before all were spelled alike.
    for spelling in dict.fromkeys((_typed(password), password)):
        try:
            _hasher.verify(password_hash or _nobodys_hash(), spelling)
        except (VerificationError, InvalidHashError):
            continue
        return password_hash is not None
    return False


def _typed(password: str) -> str:
    """Return a password in the one spelling of its characters, whatever keyboard it came from."""
    return unicodedata.normalize("NFKC", password)
