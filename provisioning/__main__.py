"""`python -m provisioning`, which `./run ops` starts."""

import sys

from provisioning.cli.main import main
from provisioning.pipes import reader_may_leave

with reader_may_leave():
    status = main()
sys.exit(status)
