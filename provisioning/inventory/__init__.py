"""The inventory (`cluster.toml`): its tables, what their values must be, and how it is read."""

from provisioning.inventory.reading import check_files, check_secrets, load
from provisioning.inventory.tables import (
    LETS_ENCRYPT,
    STORAGE_MOUNT,
    Alert,
    Backup,
    ClusterTable,
    Endpoint,
    Host,
    Inventory,
    Jump,
    NodeGroup,
    Ssh,
)

__all__ = [
    "LETS_ENCRYPT",
    "STORAGE_MOUNT",
    "Alert",
    "Backup",
    "ClusterTable",
    "Endpoint",
    "Host",
    "Inventory",
    "Jump",
    "NodeGroup",
    "Ssh",
    "check_files",
    "check_secrets",
    "load",
]
