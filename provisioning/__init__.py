"""Turn bare hosts into a Docker Swarm that serves the shop over HTTPS, and look after it."""
