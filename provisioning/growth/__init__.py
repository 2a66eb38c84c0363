"""Hosts that come and go with the load: the rules, and the providers of hosts."""
