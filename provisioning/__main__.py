"""`python -m provisioning`, which `./run ops` starts."""

import sys

from provisioning.cli.main import main

sys.exit(main())
