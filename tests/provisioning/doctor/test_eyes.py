"""What hosts see of each other's tasks, and what of that is a fault."""

from __future__ import annotations

import json
import socket
import struct
import subprocess
import sys
import threading
from dataclasses import replace
from typing import Any

from provisioning.doctor.eyes import LOOK, Fault, Patience, Sight, Spot, faults
from tests.provisioning.factories import service, task

NETWORK = "bookstore_public"
A, B = "10.200.1.5", "10.200.1.6"


def places() -> list[Spot]:
    tasks = [
        task(id=f"t{n}", node=f"n{n}", container=f"c{n}", addresses={NETWORK: address})
        for n, address in ((1, A), (2, B))
    ]
    return [Spot("app_web", t, f"worker{t.node[1]}", t.addresses[NETWORK]) for t in tasks]


def seen(**changes: Any) -> dict[str, Sight]:
    usual = {
        "worker1": Sight({B: ""}, {"app_web": [A, B]}),
        "worker2": Sight({A: ""}, {"app_web": [A, B]}),
    }
    return usual | changes


def found(**changes: Any) -> list[Fault]:
    shop = service(*(spot.task for spot in places()))
    return faults(places(), (shop,), seen(**changes), NETWORK)


def test_all_see_all() -> None:
    assert found() == []


def test_a_task_that_one_host_does_not_reach() -> None:
    (fault,) = found(worker1=Sight({B: "no answer"}, {"app_web": [A, B]}))
    assert str(fault) == "worker1 does not reach app_web on worker2 (no answer)"


def test_a_name_that_lacks_a_task_or_leads_to_nobody_or_is_not_answered() -> None:
    for answer, said in (
        ([A], f"lacks {B}"),
        ([A, B, "10.200.1.9"], "leads to 10.200.1.9"),
        (None, "gets"),
    ):
        (fault,) = found(worker1=Sight({B: ""}, {"app_web": answer}))
        assert fault.kind == "name"
        assert said in str(fault)


def test_a_task_on_its_way_out_is_no_stranger() -> None:
    leaving = task(id="t3", state="running", wanted="shutdown", addresses={NETWORK: "10.200.1.9"})
    shop = service(*(spot.task for spot in places()), leaving)
    sight = Sight({B: ""}, {"app_web": [A, B, "10.200.1.9"]})
    assert faults(places(), (shop,), seen(worker1=sight), NETWORK) == []


def test_only_what_lasts_is_a_fault() -> None:
    patience = Patience()
    one = Fault("worker1", "way", "app_web", "worker2", B, "no answer")
    assert patience.lasting([one]) == []
    assert patience.lasting([replace(one, said="EHOSTUNREACH")]) == [one]
    assert patience.lasting([]) == []
    assert patience.lasting([one]) == []


def test_the_program_that_looks_knocks_and_resolves() -> None:
    """As it runs in a container's network: against real sockets and a name server."""
    with (
        socket.create_server(("127.0.0.1", 0)),
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server,
    ):
        server.bind(("127.0.0.1", 0))
        server.settimeout(10)

        def answer() -> None:
            query, client = server.recvfrom(1000)
            head = query[:2] + struct.pack(">5H", 0x8180, 1, 2, 0, 0)
            records = b"".join(
                b"\xc0\x0c" + struct.pack(">2HIH", 1, 1, 600, 4) + socket.inet_aton(a)
                for a in (B, A)
            )
            server.sendto(head + query[12:] + records, client)

        thread = threading.Thread(target=answer)
        thread.start()
        asked = {"addresses": ["127.0.0.1"], "names": ["app_web"], "server": server.getsockname()}
        done = subprocess.run(
            [sys.executable, "-c", LOOK],
            input=json.dumps(asked),
            text=True,
            capture_output=True,
            timeout=20,
            check=True,
        )
        thread.join(10)
    assert json.loads(done.stdout) == {"ways": {"127.0.0.1": ""}, "names": {"app_web": [A, B]}}
