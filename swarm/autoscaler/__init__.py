"""Scale services of a Docker Swarm to their load."""
