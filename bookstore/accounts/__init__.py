"""Who people are: registration, signing in, sessions, profiles."""
