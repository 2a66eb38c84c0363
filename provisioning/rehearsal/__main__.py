"""Run the rehearsal's commands by themselves: `python -m provisioning.rehearsal`."""

import sys

from provisioning.rehearsal.cli import main

sys.exit(main())
