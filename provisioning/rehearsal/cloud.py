"""What AWS would provide, in one guest: database, load balancer, registry, ACME, resolver, mail."""

from __future__ import annotations

import os
import secrets
from pathlib import Path
from string import Template

from provisioning.rehearsal import trees
from provisioning.rehearsal.authority import issue, write_secret
from provisioning.rehearsal.guests import Guest, answers, enable, shell
from provisioning.rehearsal.layout import (
    ACME,
    CACHE,
    CLOUD,
    DATABASE,
    KEYS,
    LOAD_BALANCER,
    MACHINE,
    MAIL,
    REGISTRY,
    RESOLVER,
    SERVICES,
    SHOP,
    ZONE,
    Host,
    guest_folder,
    hosts,
)
from provisioning.rehearsal.system import run, wait_for

FILES = Path(__file__).parent / "files"
MAILBOX = Path(__file__).parents[2] / "swarm/mailbox.py"
PING_PORT = 8082  # where Traefik tells the load balancer whether it takes requests
SAYS = 9100  # and an edge's number: where the load balancer tells itself how that edge is
DATABASE_URL = KEYS / "database_url"
ACME_ENV = "PEBBLE_VA_NOSLEEP=1"  # validate at once
ACME_ROOT = KEYS / "acme-root.pem"  # what a browser would have to trust


def guest(managers: int) -> Guest:
    """Describe the guest that serves so many managers and their workers; 0: the one machine."""
    return Guest(
        name=CLOUD,
        addresses=[*SERVICES.values()],
        layers=[trees.cloud_layer(), trees.host_tree()],
        binds={"/var/lib/docker-registry": CACHE / "registry"},
        furnish=lambda root: _furnish(root, managers),
        port=53,
    )


def create_database_url() -> None:
    """Choose the database's password unless there is one."""
    if not DATABASE_URL.exists():
        url = f"mysql://bookstore:{secrets.token_hex(16)}@{DATABASE}:3306/bookstore"
        write_secret(DATABASE_URL, url)


def wait_until_up(managers: int) -> None:
    """Wait until every service answers, then fetch the root that the ACME server issues from."""
    balanced = ((SHOP, 443),) if managers else ()
    for name, port in ((DATABASE, 3306), (REGISTRY, 443), (ACME, 443), *balanced):
        wait_for(
            lambda n=name, p=port: answers(CLOUD, SERVICES[n], p),
            f"{name} does not answer (journalctl in {guest_folder(CLOUD)}/root may say why)",
            60,
        )
    if not ACME_ROOT.exists():
        script = f"curl -sf --cacert /etc/ssl/certs/ca-certificates.crt https://{ACME}:8443/roots/0"
        ACME_ROOT.write_text(run(shell(CLOUD, script)))


def _render(file: str, **values: object) -> str:
    return Template((FILES / file).read_text(encoding="utf-8")).substitute(
        {key: str(value) for key, value in values.items()}
    )


def load_balancer_config(managers: int) -> str:
    """Write HAProxy's configuration for the edges, which are the managers."""

    edges = hosts(managers, 0)

    def frontend(port: int) -> str:
        servers = "\n".join(
            f"    server {edge.name} {edge.address}:{port} port {SAYS + edge.number}"
            for edge in edges
        )
        return _render("frontend.cfg", port=port, address=LOAD_BALANCER, servers=servers)

    def known(edge: Host) -> str:
        doubt = f"    http-request return status 404 if {{ nbsrv(well-{edge.name}) eq 0 }}"
        rather = [f"{doubt} {{ nbsrv(well-{e.name}) gt 0 }}\n" for e in edges if e != edge]
        return _render(
            "edge.cfg", name=edge.name, edge=edge.address, local=SAYS + edge.number,
            address=LOAD_BALANCER, ping=PING_PORT, rather="".join(rather),
        )  # fmt: skip

    parts = [*map(frontend, (80, 443)), *map(known, edges)]
    return _render("haproxy.cfg", frontends="\n".join(parts))


def resolver_config(managers: int = 1) -> str:
    """Write dnsmasq's configuration: every service and host has a name in the rehearsal's zone.

    The shop's leads to the load balancer; where there are no managers, to the one machine.
    """
    names = {name: address for name, address in SERVICES.items() if "." in name}
    names |= {} if managers else {SHOP: MACHINE.address}
    names |= {f"{host.name}.{ZONE}": host.address for host in hosts(3, 9)}
    records = "\n".join(f"host-record={name},{address}" for name, address in names.items())
    return _render("dnsmasq.conf", resolver=RESOLVER, zone=ZONE, records=records)


def units() -> list[tuple[str, str, str]]:
    """List the services beside the database: name, command, environment."""
    mail = SERVICES[MAIL]
    return [
        ("resolver", "dnsmasq --keep-in-foreground --conf-file=/etc/rehearsal/dnsmasq.conf", ""),
        ("load-balancer", "haproxy -Ws -f /etc/rehearsal/haproxy.cfg", ""),
        (
            "registry",
            "docker-registry serve /etc/rehearsal/registry.yml",
            "OTEL_TRACES_EXPORTER=none",
        ),
        ("acme", f"pebble -config /etc/rehearsal/pebble.json -dnsserver {RESOLVER}:53", ACME_ENV),
        ("mailbox", f"python3 /etc/rehearsal/mailbox.py --smtp {mail}:25 --page {mail}:80", ""),
    ]


def _furnish(root: Path, managers: int) -> None:
    etc = root / "etc"
    certificates = etc / "rehearsal"
    certificates.mkdir()
    for name in (REGISTRY, ACME):
        certificate, key = issue(name)
        (certificates / f"{name}.crt").write_bytes(certificate)
        write_secret(certificates / f"{name}.key", key)
    if managers:
        (certificates / "haproxy.cfg").write_text(load_balancer_config(managers))
    (certificates / "dnsmasq.conf").write_text(resolver_config(managers))
    for file, name in (("registry.yml", REGISTRY), ("pebble.json", ACME)):
        (certificates / file).write_text(_render(file, address=SERVICES[name], name=name))
    database = etc / "mysql/mariadb.conf.d/99-rehearsal.cnf"
    database.write_text(_render("mariadb.cnf", address=SERVICES[DATABASE]))
    password = DATABASE_URL.read_text().split(":")[2].split("@")[0]
    grants = etc / "mysql/rehearsal.sql"
    write_secret(
        grants,
        "CREATE DATABASE IF NOT EXISTS bookstore;\n"
        f"CREATE USER IF NOT EXISTS bookstore@'%' IDENTIFIED BY '{password}';\n"
        "GRANT ALL ON `bookstore%`.* TO bookstore@'%';\n",
    )
    os.chown(grants, *_user(root, "mysql"))
    (certificates / "mailbox.py").write_text(MAILBOX.read_text())
    for name, command, environment in units():
        unit = _render("service.unit", name=name, command=command, environment=environment)
        (etc / f"systemd/system/rehearsal-{name}.service").write_text(unit)
        if managers or name != "load-balancer":
            enable(root, f"rehearsal-{name}.service")
    enable(root, "mariadb.service", "/usr/lib")


def _user(root: Path, name: str) -> tuple[int, int]:
    lines = (root / "etc/passwd").read_text().splitlines()
    fields = next(line.split(":") for line in lines if line.startswith(f"{name}:"))
    return int(fields[2]), int(fields[3])
