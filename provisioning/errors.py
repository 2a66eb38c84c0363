"""What an operator sees when a command cannot go on: a sentence that says what to do."""


class OperatorError(Exception):
    """Stop the command with a sentence for the operator (no traceback) and a non-zero status."""


class Interrupted(KeyboardInterrupt):
    """The operator stopped the command; the sentence says what that leaves behind."""
