"""`python -m provisioning`, which `./run ops` starts."""

import os
import sys

from provisioning.cli.main import main
from provisioning.pipes import reader_may_leave

with reader_may_leave():
    status = main()
sys.stdout.flush()
sys.stderr.flush()
# Whoever has ended a command does not wait for its threads, which wait for hosts that are silent.
os._exit(status)
