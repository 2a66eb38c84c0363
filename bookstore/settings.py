"""Every setting of the shop. Each is read from BOOKSTORE_<NAME>, or from the file that
BOOKSTORE_<NAME>_FILE names (a Docker secret, for example). docs/settings.md explains them."""

import hashlib
import os
import re
import socket
from difflib import get_close_matches
from email.utils import parseaddr
from pathlib import Path
from typing import Annotated, Any, Literal, Self
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, ValidationError, field_validator, model_validator
from pydantic.fields import FieldInfo
from pydantic_settings import (
    BaseSettings,
    NoDecode,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
)

from bookstore import money

PREFIX = "BOOKSTORE_"
CONTEXTS = ("accounts", "catalogue", "orders")
_OTHERS = {f"{PREFIX}REHEARSAL"}  # the operators' tools have one of their own
_HOST = re.compile(r"[A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+(%\w+)?\]")
_PORT = re.compile(r"[0-9]{1,5}")


class SettingsError(Exception):
    """A setting is missing or wrong; the text says which and what to do."""


class _FileSource(PydanticBaseSettingsSource):
    """Take a setting from the file named by BOOKSTORE_<NAME>_FILE."""

    def get_field_value(self, field: FieldInfo, field_name: str) -> tuple[Any, str, bool]:
        variable = f"{PREFIX}{field_name.upper()}_FILE"
        path = os.environ.get(variable)
        if not path:
            return None, field_name, False
        try:
            return Path(path).read_text().strip(), field_name, False
        except OSError as error:
            raise SettingsError(
                f"{variable} names {path}, which cannot be read ({error.strerror}). "
                "Mount the file or unset the variable."
            ) from error

    def __call__(self) -> dict[str, Any]:
        values = {}
        for name, field in self.settings_cls.model_fields.items():
            value, _, _ = self.get_field_value(field, name)
            if value is not None:
                values[name] = value
        return values


class Settings(BaseSettings):
    """What the environment and its files say, checked; docs/settings.md explains each."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, extra="ignore", frozen=True)

    data: Path = Path("var")
    database_url: SecretStr = SecretStr("")  # under `data`, as the media
    accounts_database_url: SecretStr | None = None
    catalogue_database_url: SecretStr | None = None
    orders_database_url: SecretStr | None = None
    database_pool_size: int = Field(10, ge=1, le=1000)
    database_pool_timeout: float = Field(5.0, gt=0)

    contexts: Annotated[tuple[str, ...], NoDecode] = CONTEXTS
    accounts_origin: str | None = None
    catalogue_origin: str | None = None
    orders_origin: str | None = None

    page_cache_mb: int = Field(16, ge=0, le=10_000)
    media_dir: Path = Path()
    secret_key: SecretStr | None = None
    public_origin: str | None = None
    trusted_hops: int = Field(0, ge=0, le=10)
    bind: str = "127.0.0.1:8000"
    server: Literal["hypercorn", "uvicorn"] = "hypercorn"
    max_connections: int = Field(1000, ge=16, le=100_000)
    client_timeout: float = Field(20.0, gt=0, le=600)
    drain_seconds: float = Field(8.0, ge=0, le=600)
    replica: str = Field(default_factory=socket.gethostname)
    show_replica: bool | None = None

    smtp_url: SecretStr | None = None
    mail_from: str = "BookStore <bookstore@localhost>"
    mailbox: bool = False
    operator: str = Field("", max_length=500)

    currency: str = "EUR"
    hold_minutes: float = Field(15.0, gt=0)
    shipping_speed: float = Field(1.0, gt=0)

    log_level: str = "INFO"
    log_format: str = Field("json", pattern="^(json|console)$")

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Return where values come from: given ones, files, the environment."""
        return init_settings, _FileSource(settings_cls), env_settings

    @model_validator(mode="before")
    @classmethod
    def _kept_under_data(cls, values: Any) -> Any:
        folder = Path(values.get("data") or "var")
        return {
            "database_url": f"sqlite:///{folder / 'bookstore.db'}",
            "media_dir": folder / "media",
            **values,
        }

    @field_validator("contexts", mode="before")
    @classmethod
    def _split_contexts(cls, value: Any) -> Any:
        if isinstance(value, str):
            value = tuple(name.strip() for name in value.split(",") if name.strip())
        unknown = sorted(set(value) - set(CONTEXTS))
        if unknown or not value:
            raise ValueError(f"it takes one or more of {', '.join(CONTEXTS)}, not {unknown}")
        return tuple(name for name in CONTEXTS if name in value)

    @field_validator("currency")
    @classmethod
    def _in_use(cls, value: str) -> str:
        if value not in money.currencies():
            raise ValueError(
                f"it takes the code (ISO 4217) of a currency in use, such as EUR, JPY or KWD, "
                f"not {value!r}"
            )
        return value

    @field_validator(
        "database_url", "accounts_database_url", "catalogue_database_url", "orders_database_url"
    )
    @classmethod
    def _known_engine(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None and not _names_a_database(value.get_secret_value()):
            raise ValueError(
                "it takes sqlite:///FILE, mysql://USER:PASSWORD@HOST:PORT/NAME or "
                "mysql+asyncmy://… alike"
            )
        return value

    @field_validator("bind")
    @classmethod
    def _address_and_port(cls, value: str) -> str:
        host, _, port = value.rpartition(":")
        if not _HOST.fullmatch(host) or not _PORT.fullmatch(port) or int(port) > 65535:
            raise ValueError(
                f"it takes an address and a port, such as 127.0.0.1:8000 or [::1]:8000, not {value}"
            )
        return value

    @field_validator("log_level")
    @classmethod
    def _known_level(cls, value: str) -> str:
        if value.upper() not in {"DEBUG", "INFO", "WARNING", "ERROR"}:
            raise ValueError("it takes DEBUG, INFO, WARNING or ERROR")
        return value.upper()

    @field_validator("public_origin", "accounts_origin", "catalogue_origin", "orders_origin")
    @classmethod
    def _origin(cls, value: str | None) -> str | None:
        if value is None:
            return None
        parts = urlsplit(value)
        if parts.scheme not in {"http", "https"} or not parts.netloc or parts.path not in {"", "/"}:
            raise ValueError("it takes an origin such as https://books.example.org")
        return f"{parts.scheme}://{parts.netloc}"

    @field_validator("smtp_url")
    @classmethod
    def _mail_server(cls, value: SecretStr | None) -> SecretStr | None:
        url = value.get_secret_value() if value is not None else ""
        if not url:
            return None
        parts = urlsplit(url)
        if not (parts.scheme in {"smtp", "smtps"} and parts.hostname) and not (
            parts.scheme == "file" and parts.path.strip("/")
        ):
            raise ValueError("it takes smtp://user:password@host:587, smtps://host or file:FOLDER")
        return value

    @field_validator("mail_from")
    @classmethod
    def _sender(cls, value: str) -> str:
        address = parseaddr(value)[1]
        if not all(address.rpartition("@")[::2]) or any(ord(c) < 32 for c in value):
            raise ValueError("it takes an address such as BookStore <books@example.org>")
        return value

    @field_validator("secret_key")
    @classmethod
    def _long_secret(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None and len(value.get_secret_value()) < 32:
            raise ValueError("it needs at least 32 characters; try `openssl rand -hex 32`")
        return value

    @model_validator(mode="after")
    def _siblings_known(self) -> Self:
        missing = [
            name
            for name in CONTEXTS
            if name not in self.contexts and getattr(self, f"{name}_origin") is None
        ]
        needed = {"orders": {"accounts", "catalogue"}, "catalogue": {"accounts"}, "accounts": set()}
        for context in self.contexts:
            for sibling in sorted(needed[context] & set(missing)):
                raise ValueError(
                    f"{context} runs without {sibling}: set {PREFIX}{sibling.upper()}_ORIGIN to "
                    f"where {sibling} answers, or add {sibling} to {PREFIX}CONTEXTS"
                )
        return self

    @model_validator(mode="after")
    def _mail_leads_back(self) -> Self:
        by_file = self.smtp_url is None or self.smtp_url.get_secret_value().startswith("file:")
        if not by_file and self.public_origin is None:
            raise ValueError(
                f"mails carry links to the shop: set {PREFIX}PUBLIC_ORIGIN to its address beside "
                f"{PREFIX}SMTP_URL"
            )
        if self.mailbox and (self.smtp_url is None or not by_file):
            raise ValueError(
                f"{PREFIX}MAILBOX shows the folder that {PREFIX}SMTP_URL=file:FOLDER names"
            )
        return self

    @property
    def mail_origin(self) -> str:
        """Return what stands before the shop's paths in a mail."""
        return self.public_origin or f"http://{self.bind}"

    @property
    def https(self) -> bool:
        """Tell whether readers reach the shop over HTTPS."""
        return self.public_origin is not None and self.public_origin.startswith("https://")

    @property
    def shown_replica(self) -> str:
        """Return what readers know this replica by: its name, which may be a host's, or where
        that is nobody's business an alias."""
        if self.show_replica if self.show_replica is not None else not self.https:
            return self.replica
        known = f"{self.required_secret_key()}{self.replica}"
        return "r-" + hashlib.sha256(known.encode()).hexdigest()[:8]

    def database_url_of(self, context: str) -> str:
        """Return the database URL of one context: its own, or the common one."""
        own: SecretStr | None = getattr(self, f"{context}_database_url")
        return (own or self.database_url).get_secret_value()

    def required_secret_key(self) -> str:
        """Return the secret key, or refuse in a sentence: there is no default."""
        if self.secret_key is None:
            raise SettingsError(
                f"{PREFIX}SECRET_KEY is not set, and there is no default. Set it, or "
                f"{PREFIX}SECRET_KEY_FILE, to at least 32 random characters: "
                "`openssl rand -hex 32` makes them."
            )
        return self.secret_key.get_secret_value()


def _names_a_database(url: str) -> bool:
    try:
        parts = urlsplit(url)
        if parts.scheme == "sqlite":
            return url.startswith("sqlite:///") and len(parts.path) > 1
        return (
            parts.scheme in {"mysql", "mysql+asyncmy"}
            and len(parts.path) > 1
            and (parts.port is None or parts.port > 0)
        )
    except ValueError:  # a port that is no number, brackets that do not close
        return False


def _refuse_unknown_names() -> None:
    """Refuse a variable that looks like a setting and is none: nobody would notice otherwise."""
    known = {f"{PREFIX}{name.upper()}" for name in Settings.model_fields}
    known |= {f"{name}_FILE" for name in known} | _OTHERS
    sentences = []
    for variable in sorted(os.environ):
        if variable.upper().startswith(PREFIX) and variable.upper() not in known:
            near = get_close_matches(variable.upper(), known, n=1)
            hint = f"Did you mean {near[0]}?" if near else "docs/settings.md lists them all."
            sentences.append(f"{variable}: there is no such setting. {hint}")
    if sentences:
        raise SettingsError("\n".join(sentences))


def load_settings(**overrides: Any) -> Settings:
    """Read the settings; raise SettingsError with one sentence for each that is wrong."""
    _refuse_unknown_names()
    try:
        return Settings(**overrides)
    except ValidationError as error:
        sentences = []
        for item in error.errors():
            name = PREFIX + str(item["loc"][0]).upper() + ": " if item["loc"] else ""
            sentences.append(name + item["msg"].removeprefix("Value error, ") + ".")
        raise SettingsError("\n".join(sentences)) from error
