"""The proxy before Docker's API: what passes, and what somebody who broke in would try."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest

from swarm.guard import Answer, Guard, Refused

from .engine import RECORDED

Json = dict[str, Any]
NEW, DATABASE = "certificate_00000000000a", "bookstore_database_url_00000000000a"
LABELS = {"bookstore.secret": "certificate"}
SERVICES = json.loads((RECORDED / "services.json").read_text())


class Engine:
    """Docker's API with the recorded services; remembers what was changed."""

    def __init__(self) -> None:
        self.services: list[Json] = copy.deepcopy(SERVICES)
        self.secrets = {
            "new1": {
                "Name": "certificate_00000000000a",
                "Labels": {"bookstore.secret": "certificate"},
            },
            "db1": {"Name": "bookstore_database_url_00000000000a", "Labels": {}},
        }
        self.changes: list[tuple[str, Json]] = []

    def service(self, name: str) -> Json:
        return next(s for s in self.services if s["Spec"]["Name"] == name)

    def ask(self, method: str, target: str, body: bytes | None) -> Answer:
        path = target.partition("?")[0].removeprefix("/v1.52")
        if method == "POST":
            assert body is not None
            self.changes.append((target, json.loads(body)))
            return 200, b"{}", "application/json", "1.52"
        kind, _, key = path.strip("/").partition("/")
        if kind == "services":
            found = next((s for s in self.services if key in (s["ID"], s["Spec"]["Name"])), None)
        else:
            found = {"Spec": self.secrets[key]} if key in self.secrets else None
        return (200 if found else 404), json.dumps(found or {}).encode(), "application/json", "1.52"


@pytest.fixture
def engine() -> Engine:
    return Engine()


@pytest.fixture
def replicas(engine: Engine) -> Guard:
    engine.service("app_web")["Spec"]["Labels"] |= {
        "bookstore.autoscale.min": "2",
        "bookstore.autoscale.max": "12",
    }
    return Guard("replicas", "", engine.ask)


@pytest.fixture
def certificate(engine: Engine) -> Guard:
    return Guard("certificate", "edge_traefik", engine.ask)


def update(guard: Guard, service: Json, spec: Json, query: str = "") -> None:
    query = query or f"version={service['Version']['Index']}"
    body = json.dumps(spec).encode()
    guard.answer("POST", f"/v1.52/services/{service['ID']}/update?{query}", body)


def scaled(service: Json, count: Any) -> Json:
    spec: Json = copy.deepcopy(service["Spec"])
    spec["Mode"]["Replicated"]["Replicas"] = count
    return spec


def with_certificate(service: Json, key: str, name: str) -> Json:
    spec: Json = copy.deepcopy(service["Spec"])
    container = spec["TaskTemplate"]["ContainerSpec"]
    others = [s for s in container.get("Secrets") or [] if s["File"]["Name"] != "certificate"]
    entry = {"File": {"Name": "certificate"}, "SecretID": key, "SecretName": name}
    container["Secrets"] = [*others, entry]
    return spec


def test_replicas_pass_and_nothing_else_of_a_service(replicas: Guard, engine: Engine) -> None:
    web = engine.service("app_web")
    update(replicas, web, scaled(web, 5))
    assert engine.changes == [
        (f"/v1.52/services/{web['ID']}/update?version={web['Version']['Index']}", scaled(web, 5))
    ]


@pytest.mark.parametrize(
    "path",
    [
        ("TaskTemplate", "ContainerSpec", "Image"),
        ("TaskTemplate", "ContainerSpec", "Command"),
        ("TaskTemplate", "ContainerSpec", "Mounts"),
        ("TaskTemplate", "ForceUpdate"),
        ("Labels", "bookstore.autoscale.max"),
        ("Mode", "Global"),
        ("Mode", "Replicated", "replicas"),
        ("tasktemplate",),
        ("Name",),
    ],
)
def test_whatever_else_an_update_changes_is_refused(
    replicas: Guard, engine: Engine, path: tuple[str, ...]
) -> None:
    web = engine.service("app_web")
    spec = scaled(web, 3)
    place = spec
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = {"a": "b"}
    with pytest.raises(Refused, match="Only the number of replicas"):
        update(replicas, web, spec)
    assert not engine.changes


@pytest.mark.parametrize("count", [13, -1, 2.5, "3", None, True, 10**9])
def test_replicas_stay_within_the_labels(replicas: Guard, engine: Engine, count: Any) -> None:
    web = engine.service("app_web")
    with pytest.raises(Refused, match="outside the bounds"):
        update(replicas, web, scaled(web, count))


def test_a_service_that_does_not_ask_is_not_scaled(replicas: Guard, engine: Engine) -> None:
    web = engine.service("app_web")
    labels = web["Spec"]["Labels"]
    web["Spec"]["Labels"] = {k: v for k, v in labels.items() if "autoscale" not in k}
    with pytest.raises(Refused, match="does not ask"):
        update(replicas, web, scaled(web, 2))


def test_a_key_that_is_there_twice_reaches_the_engine_once(replicas: Guard, engine: Engine) -> None:
    web = engine.service("app_web")
    good = json.dumps(scaled(web, 4))
    evil = '{"TaskTemplate": {"ContainerSpec": {"Privileges": {"x": 1}}}, ' + good[1:]
    version = web["Version"]["Index"]
    replicas.answer("POST", f"/services/{web['ID']}/update?version={version}", evil.encode())
    assert engine.changes[0][1] == scaled(web, 4)


@pytest.mark.parametrize(
    "more", ["&rollback=previous", "&version=1", "&registryAuthFrom=spec", ";x"]
)
def test_an_update_takes_no_other_way(replicas: Guard, engine: Engine, more: str) -> None:
    web = engine.service("app_web")
    with pytest.raises(Refused):
        update(replicas, web, scaled(web, 4), f"version={web['Version']['Index']}{more}")
    assert not engine.changes


def test_what_was_changed_meanwhile_is_out_of_sequence(replicas: Guard, engine: Engine) -> None:
    web = engine.service("app_web")
    with pytest.raises(Refused, match="out of sequence"):
        update(replicas, web, scaled(web, 4), "version=1")


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/secrets"),
        ("GET", "/swarm"),
        ("GET", "/containers/json"),
        ("GET", "/v1.52/services/../secrets"),
        ("POST", "/services/create"),
        ("POST", "/secrets/create"),
        ("POST", "/containers/create"),
        ("POST", "/swarm/update"),
        ("DELETE", "/services/x"),
        ("PUT", "/services/x/update"),
        ("GET", "/services/x/logs"),
    ],
)
def test_the_rest_of_the_api_is_closed(
    replicas: Guard, engine: Engine, method: str, path: str
) -> None:
    with pytest.raises(Refused):
        replicas.answer(method, path, b"{}")
    assert not engine.changes


def test_the_edges_are_given_a_certificate_and_nothing_else(
    certificate: Guard, engine: Engine
) -> None:
    edge = engine.service("edge_traefik")
    update(certificate, edge, with_certificate(edge, "new1", NEW))
    assert len(engine.changes) == 1
    for key, name in (
        ("db1", "bookstore_database_url_00000000000a"),
        ("new1", "another"),
        ("..", "x"),
    ):
        with pytest.raises(Refused):
            update(certificate, edge, with_certificate(edge, key, name))
    spec = with_certificate(edge, "new1", NEW)
    spec["TaskTemplate"]["ContainerSpec"]["Image"] = "evil"
    with pytest.raises(Refused, match="Only the certificate"):
        update(certificate, edge, spec)
    web = engine.service("app_web")
    with pytest.raises(Refused, match="Only edge_traefik"):
        update(certificate, web, with_certificate(web, "new1", NEW))
    assert len(engine.changes) == 1


def test_only_certificates_are_stored(certificate: Guard, engine: Engine) -> None:
    good = {
        "Name": "certificate_00000000000b",
        "Labels": {"bookstore.secret": "certificate"},
        "Data": "",
    }
    certificate.answer("POST", "/v1.52/secrets/create", json.dumps(good).encode())
    changes: list[Json] = [{"Name": DATABASE}, {"Labels": {}}, {"Driver": {"Name": "x"}}]
    for change in changes:
        with pytest.raises(Refused):
            certificate.answer("POST", "/secrets/create", json.dumps(good | change).encode())
    assert len(engine.changes) == 1
