"""What tests of the web layer share."""

import pytest


@pytest.fixture(params=["hypercorn", "uvicorn"])
def engine(request: pytest.FixtureRequest) -> str:
    """What serves the shop; each is to keep every promise."""
    return str(request.param)
