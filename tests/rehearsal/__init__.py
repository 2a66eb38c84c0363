"""The whole of it on a real swarm: bare hosts, power cuts, certificates."""

import os

# Beside a rehearsal that somebody may have up: this must be said before anything is imported.
os.environ.setdefault("BOOKSTORE_REHEARSAL", "9")
