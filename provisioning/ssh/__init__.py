"""Reach the hosts: SSH connections, the fleet of them, and secrets kept out of what is said."""
