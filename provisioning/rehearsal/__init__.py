"""Rehearse on one machine: bare hosts like fresh EC2 instances, and what AWS puts around them."""
