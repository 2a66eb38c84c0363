"""The shop against its peers, in one run on one machine: `./run bench`."""
