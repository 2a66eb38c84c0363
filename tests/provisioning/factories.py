"""Inventories and services for tests."""

from __future__ import annotations

from typing import Any

from provisioning.inventory import Inventory
from swarm.model import Service, Task

KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOAl1Ox4JxWhyW7yqUp8V8ftkqHGbPhc4FJkEnMIN/Xf"
HOSTS = {"manager1": "10.77.0.101", "worker1": "10.77.0.201", "worker2": "10.77.0.202"}


def inventory(**cluster: Any) -> Inventory:
    """Describe one manager and two workers."""
    return Inventory.model_validate(
        {
            "cluster": {
                "domain": "shop.test",
                "acme_email": "ops@shop.test",
                "image": "registry.test/bookstore:1",
                "storage": "path:/srv/bookstore",
                "database_url_file": "database_url",
                **cluster,
            },
            "host": [
                {
                    "name": name,
                    "role": name[:-1],
                    "address": address,
                    "user": "admin",
                    "port": 22,
                    "key_file": "key",
                    "host_key": KEY,
                    "zone": {"1": "a", "2": "b"}[name[-1]],
                }
                for name, address in HOSTS.items()
            ],
        }
    )


def task(**changes: Any) -> Task:
    """Give a task that runs, made at 10 o'clock from the present specification."""
    values: dict[str, Any] = {
        "id": "t1",
        "service": "s1",
        "node": "n1",
        "slot": 1,
        "state": "running",
        "wanted": "running",
        "image": "web:1",
        "current": True,
        "error": "",
        "exit_code": None,
        "at": "",
        "created": "2026-01-01T10:00:00",
    }
    return Task(**{**values, **changes})


def service(*tasks: Task, desired: int = 2, update: str = "", message: str = "") -> Service:
    """Give a replicated service of the stack `app`."""
    spec = {
        "Name": "app_web",
        "Labels": {"com.docker.stack.namespace": "app", "bookstore.scale": "live"},
        "Mode": {"Replicated": {"Replicas": desired}},
        "TaskTemplate": {"ContainerSpec": {"Image": "web:1"}},
    }
    return Service("s1", "app_web", 1, spec, update, message, desired, tasks)
