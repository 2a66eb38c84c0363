"""Why a load could not be put on a shop."""


class LoadError(Exception):
    """The load could not be put on: one sentence."""
