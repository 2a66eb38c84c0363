"""The inventory's [settings]: settings of the shop itself, checked as the shop checks them."""

from __future__ import annotations

from typing import Any, get_args

from pydantic import SecretStr, ValidationError
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource

from bookstore.settings import PREFIX, Settings
from provisioning.inventory.values import nearest

SECRETS = {
    name
    for name, field in Settings.model_fields.items()
    if field.annotation is SecretStr or SecretStr in get_args(field.annotation)
}
# Who sets what is not set here; the stack files set the rest of OURS.
ELSEWHERE = {
    **{
        name: "database_url_file under [cluster]"
        if name.endswith("database_url")
        else f"{name} under [secrets]"
        for name in SECRETS
    },
    "public_origin": "domain under [cluster]",
    "contexts": "stacks under [cluster]",
}
OURS = frozenset(
    {
        *ELSEWHERE,
        *(f"{name}_origin" for name in ("accounts", "catalogue", "orders")),
        *("media_dir", "trusted_hops", "bind", "replica", "mailbox"),
    }
)


class _Listed(Settings):
    """The shop's settings, taken from the file and from nowhere else."""

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Leave this machine's environment out of it."""
        return (init_settings,)


def names() -> list[str]:
    """List the settings that [settings] may hold."""
    return sorted(Settings.model_fields.keys() - OURS)


def check(given: dict[str, Any]) -> dict[str, Any]:
    """Return the settings; raise ValueError with every mistake in sentences."""
    problems = []
    for name in given:
        if name in ELSEWHERE:
            problems.append(f"{name} is set by {ELSEWHERE[name]}")
        elif name in OURS:
            problems.append(f"{name} is set by the stack files")
        elif name not in Settings.model_fields:
            problems.append(f'there is no setting "{name}".{nearest(name, names())}')
    if not problems:
        try:
            _Listed(**given)
        except ValidationError as error:
            for row in error.errors():
                said = row["msg"].removeprefix("Value error, ")
                problems.append(f"{'.'.join(map(str, row['loc']))}: {said}, not {row['input']!r}")
    if problems:
        raise ValueError("\n".join(problems))
    return given


def environment(given: dict[str, Any]) -> dict[str, str]:
    """Return the settings as the shop's environment."""
    return {
        f"{PREFIX}{name.upper()}": str(value).lower() if isinstance(value, bool) else str(value)
        for name, value in given.items()
    }
