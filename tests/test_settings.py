"""Settings are read, checked and documented."""

from pathlib import Path

import pytest

from bookstore.settings import Settings, SettingsError, load_settings

ROOT = Path(__file__).parents[1]


@pytest.fixture(autouse=True)
def _no_settings_of_the_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in Settings.model_fields:
        monkeypatch.delenv(f"BOOKSTORE_{name.upper()}", raising=False)
        monkeypatch.delenv(f"BOOKSTORE_{name.upper()}_FILE", raising=False)


@pytest.mark.parametrize(
    ("name", "value", "sentence"),
    [
        ("SECRET_KEY", "short", "at least 32 characters"),
        ("CONTEXTS", "accounts,shop", "accounts, catalogue, orders"),
        ("PUBLIC_ORIGIN", "books.example.org", "an origin such as"),
        ("PUBLIC_ORIGIN", "https://books.example.org/shop", "an origin such as"),
        ("DATABASE_POOL_SIZE", "many", "integer"),
        ("DRAIN_SECONDS", "-1", "greater than or equal to 0"),
        ("DATABASE_URL", "postgresql://shop:hunter2@db/shop", "mysql\\+asyncmy"),
        ("ORDERS_DATABASE_URL", "mysql+mysqldb://shop:hunter2@db/shop", "mysql\\+asyncmy"),
        ("LOG_LEVEL", "LOUD", "DEBUG, INFO, WARNING or ERROR"),
        ("CURRENCY", "euro", "a currency in use"),
        ("SERVER", "apache", "'hypercorn' or 'uvicorn'"),
        ("MAX_CONNECTIONS", "0", "greater than or equal to 16"),
        ("CLIENT_TIMEOUT", "0", "greater than 0"),
    ],
)
def test_a_wrong_setting_is_a_sentence_with_its_name(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, sentence: str
) -> None:
    monkeypatch.setenv(f"BOOKSTORE_{name}", value)
    with pytest.raises(SettingsError, match=f"BOOKSTORE_{name}.*{sentence}"):
        load_settings()


def test_a_service_without_its_siblings_says_what_to_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BOOKSTORE_CONTEXTS", "orders")
    with pytest.raises(SettingsError, match="BOOKSTORE_ACCOUNTS_ORIGIN"):
        load_settings()


def test_a_setting_may_come_from_a_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("from a file, longer than thirty-two characters\n")
    monkeypatch.setenv("BOOKSTORE_SECRET_KEY_FILE", str(secret))
    assert load_settings().required_secret_key() == "from a file, longer than thirty-two characters"


def test_a_file_that_is_not_there_is_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BOOKSTORE_SECRET_KEY_FILE", "/nowhere/secret")
    with pytest.raises(SettingsError, match="BOOKSTORE_SECRET_KEY_FILE names /nowhere/secret"):
        load_settings()


def test_secrets_do_not_show_in_the_settings() -> None:
    settings = load_settings(secret_key="x" * 40, database_url="mysql://shop:hunter2@db/shop")
    assert "hunter2" not in repr(settings)
    assert "x" * 40 not in repr(settings)


def test_every_setting_is_documented() -> None:
    text = (ROOT / "docs/settings.md").read_text()
    missing = [
        f"BOOKSTORE_{name.upper()}"
        for name in Settings.model_fields
        if f"`BOOKSTORE_{name.upper()}`" not in text
    ]
    assert missing == []


def test_every_documented_setting_exists() -> None:
    import re

    text = (ROOT / "docs/settings.md").read_text()
    known = {f"BOOKSTORE_{name.upper()}" for name in Settings.model_fields}
    assert set(re.findall(r"`(BOOKSTORE_[A-Z_]+)`", text)) - known == set()
