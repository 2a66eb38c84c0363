"""Pages that are the same for everybody, kept in front of the framework."""
