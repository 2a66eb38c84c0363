"""What lives by itself stays: certificate, credentials, scale, the autoscaler's pause."""

from __future__ import annotations

from typing import Any

from provisioning.release.alive import Alive, alive, fill, running_secrets
from swarm.model import Service

DOCUMENT: dict[str, Any] = {
    "services": {
        "web": {
            "secrets": [
                {"source": "database_url", "target": "url"},
                {"source": "certificate", "target": "certificate"},
            ],
            "deploy": {"replicas": 3, "labels": {"bookstore.scale": "live"}},
        },
        "fixed": {"deploy": {"replicas": 2}},
    },
    "secrets": {
        "database_url": {"external": True, "name": "shop_database_url_old"},
        "certificate": {"external": True, "x-managed": True},
    },
}


def running(
    replicas: int = 5, secrets: dict[str, str] | None = None, labels: dict[str, str] | None = None
) -> Service:
    """Give the shop's service as it runs."""
    entries = [{"File": {"Name": k}, "SecretName": v} for k, v in (secrets or {}).items()]
    spec = {
        "Name": "app_web",
        "Labels": {"bookstore.scale": "live", **(labels or {})},
        "Mode": {"Replicated": {"Replicas": replicas}},
        "TaskTemplate": {"ContainerSpec": {"Image": "web", "Secrets": entries}},
    }
    return Service("s1", "app_web", 1, spec)


def filled(values: Alive) -> dict[str, Any]:
    return fill({"app": DOCUMENT}, values)["app"]


def test_a_certificate_that_is_not_there_yet_is_left_out() -> None:
    made = filled(Alive())
    assert [s["source"] for s in made["services"]["web"]["secrets"]] == ["database_url"]
    assert "certificate" not in made["secrets"]


def test_the_certificate_that_is_served_stays_though_another_was_made() -> None:
    newest = {"certificate": "certificate_new"}
    served = alive([running(secrets={"certificate": "certificate_served"})], newest, (1, 9))
    assert filled(served)["secrets"]["certificate"]["name"] == "certificate_served"
    lost = alive([running()], newest, (1, 9))
    assert filled(lost)["secrets"]["certificate"]["name"] == "certificate_new"


def test_going_back_keeps_the_credentials_that_run() -> None:
    services = [running(secrets={"url": "shop_database_url_rotated"})]
    names = running_secrets({"app": DOCUMENT}, services)
    assert names == {"database_url": "shop_database_url_rotated"}
    made = filled(Alive(secrets=names))
    assert made["secrets"]["database_url"]["name"] == "shop_database_url_rotated"
    assert filled(Alive())["secrets"]["database_url"]["name"] == "shop_database_url_old"


def test_scale_and_pause_stay_within_the_bounds() -> None:
    labels = {"bookstore.autoscale.pause": "true"}
    for replicas, kept in ((5, 5), (50, 9), (0, 2)):
        values = alive([running(replicas, labels=labels)], {}, (2, 9))
        deploy = filled(values)["services"]["web"]["deploy"]
        assert deploy["replicas"] == kept
        assert deploy["labels"]["bookstore.autoscale.pause"] == "true"
    assert filled(values)["services"]["fixed"]["deploy"]["replicas"] == 2


def test_the_release_itself_is_not_changed() -> None:
    filled(alive([running(secrets={"certificate": "c"})], {"certificate": "c"}, (1, 9)))
    assert DOCUMENT["secrets"]["certificate"] == {"external": True, "x-managed": True}
    assert DOCUMENT["services"]["web"]["deploy"]["replicas"] == 3
