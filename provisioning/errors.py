"""The one exception an operator sees: a sentence that says what is wrong and what to do."""


class OperatorError(Exception):
    """Stop the command with a sentence for the operator (no traceback) and a non-zero status."""
