"""The task that brings the database up to date."""

from __future__ import annotations

from typing import Any

from provisioning.release import migration
from provisioning.release.history import Release
from provisioning.release.migration import command
from tests.provisioning.release.test_stacks import rendered


def test_the_migration_has_the_settings_and_secrets_of_the_shop() -> None:
    document = rendered().document
    started = command("migrate", document, document["services"]["web"])
    assert "--mode replicated-job" in started
    assert "--env ORIGIN=https://shop.test" in started
    assert "target=database_url" in started
    assert "--network bookstore_public" in started
    assert started.endswith("web:1 migrate")


def test_every_service_with_tables_of_its_own_is_migrated_with() -> None:
    label = {"deploy": {"labels": {"bookstore.migrate": "true"}}}
    stacks: dict[str, dict[str, Any]] = {
        "edge": {"services": {"traefik": {}}},
        "services": {"services": {"accounts": label, "catalogue": label, "none": {"deploy": {}}}},
    }
    found = migration.find(Release(1, "", "", "", stacks))
    assert [name for name, _stack, _service in found] == ["accounts", "catalogue"]
