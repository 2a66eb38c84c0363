"""Secrets are in nothing that is said."""

from __future__ import annotations

import pytest

from provisioning.ssh.redaction import Redactor


@pytest.mark.parametrize(
    "text",
    ["join SWMTKN-1-abc-def now", "mysql+asyncmy://shop:hunter2@db/x", "key hunter2hunter2 end"],
)
def test_secrets_are_hidden(text: str) -> None:
    redact = Redactor()
    redact.hide("hunter2hunter2")
    shown = redact(text)
    assert "•••" in shown
    assert not any(s in shown for s in ("abc-def", "hunter2"))
