"""The shop's command line: one module a command."""
