"""`python -m provisioning`, which `./run ops` starts."""

import sys

from provisioning.cli import main

sys.exit(main())
