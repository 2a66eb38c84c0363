"""A storm of sign-ins: from twenty addresses somebody tries passwords, one account from each.

It comes from the guest that plays the cloud, in front of the load balancer as anybody outside is.
"""

from __future__ import annotations

from collections import Counter

from loadtest.drills.cloud import Run, in_cloud
from provisioning.errors import OperatorError
from provisioning.rehearsal.layout import LOAD_BALANCER

PLACES = range(220, 240)  # the last bytes of the addresses
TRIES = 100  # from each
RATE = 2  # tries a second from each, 40 in all
LEAST = len(PLACES) * TRIES * 3 // 4
FOLDER = "/run/storm"
NET = LOAD_BALANCER.rpartition(".")[0]
EACH = f"for place in $(seq {PLACES[0]} {PLACES[-1]}); do"
TAKE_ADDRESSES = f"""mkdir -p {FOLDER}
{EACH} ip address replace {NET}.$place/24 dev eth0; done
"""
# A program can say what it likes of where its forms come from.
TRY = f"""for try in $(seq {TRIES}); do cat <<end
next
url = "https://$domain/login"
interface = {NET}.$place
header = "Sec-Fetch-Site: same-origin"
data = "email=storm$place@example.org"
data = "password=guess number $try"
output = /dev/null
write-out = "%{{stderr}}%{{http_code}}\\n"
max-time = 10
insecure
silent
end
done | sed 1d"""
BEGIN = f"""{EACH}
  {TRY} > {FOLDER}/$place.tries
  systemd-run --quiet --collect --unit=storm-$place \\
    -p StandardError=file:{FOLDER}/$place.answers \\
    curl --rate {RATE}/s --config {FOLDER}/$place.tries
done
"""
COUNT = f"cat {FOLDER}/*.answers\n"
END = f"""{EACH}
  systemctl stop storm-$place 2>/dev/null || true
  ip address del {NET}.$place/24 dev eth0 2>/dev/null || true
done
rm -rf {FOLDER}
"""
REACH = 100  # tries that the shop looks at, at least; more of them are too many


def begin(domain: str, run: Run = in_cloud) -> None:
    """Start trying passwords."""
    run(f"domain={domain}\n{TAKE_ADDRESSES}{BEGIN}")


def look(run: Run = in_cloud) -> None:
    """Make sure that the storm was one, and that every try was answered with a no."""
    answers = Counter(run(COUNT).split())
    told = ", ".join(f"{count} times {status}" for status, count in sorted(answers.items()))
    if answers["422"] < REACH or answers.total() < LEAST:
        raise OperatorError(f"Too few tries were made, so the fault did not act: {told or 'none'}.")
    if set(answers) - {"422", "429"} or answers["429"] < answers["422"]:
        raise OperatorError(f"Not every sign-in was refused as it should be: {told}.")


def end(run: Run = in_cloud) -> None:
    """End the storm, and give its addresses back."""
    run(END)
