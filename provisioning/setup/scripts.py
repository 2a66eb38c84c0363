"""What is run on a host as root, where it is more than a command."""

# The host's own upgrades may hold the package system's locks: each step waits for them. Apt itself
# waits for one of the three only.
PATIENTLY = r"""
export DEBIAN_FRONTEND=noninteractive LC_ALL=C
patiently() {
    for attempt in $(seq 200); do
        said=$("$@" 2>&1 </dev/null) && return 0
        status=$?
        case $said in
            *"ould not get lock"*|*"nable to lock"*|*"nable to acquire"*) sleep 2 ;;
            *"is locked by another"*|*"lock-frontend"*) sleep 2 ;;
            *) break ;;
        esac
    done
    printf '%s\n' "$said" >&2
    return $status
}
"""
APT = (
    f"{PATIENTLY}patiently dpkg --configure -a && patiently apt-get -q update && "
    "patiently apt-get -q -y install"
)
# Restarts the engine. A VXLAN link that an engine left behind keeps tasks of that network from ever
# starting there; while the engine is down, every one that there is has been left behind.
RESTART = r"""
systemctl stop docker.socket docker || exit
links() { ip -o link show type vxlan 2>/dev/null | sed -n 's/^[0-9]*: \(vx[^@:]*\).*/\1/p'; }
for link in $(links); do ip link del "$link"; done
for space in /var/run/docker/netns/1-*; do
    [ -e "$space" ] || continue
    for link in $(nsenter --net="$space" ip -o link show type vxlan 2>/dev/null |
        sed -n 's/^[0-9]*: \([^@:]*\).*/\1/p'); do nsenter --net="$space" ip link del "$link"; done
done
systemctl start docker && docker info >/dev/null
"""
# Joins the swarm through the engine's socket. `docker swarm join` takes the token as an argument,
# which process lists and sudo's log show; here it comes on standard input.
JOIN = r"""
import http.client, json, socket, sys
class Engine(http.client.HTTPConnection):
    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(80)
        self.sock.connect("/var/run/docker.sock")
engine = Engine("docker")
engine.request("POST", "/swarm/join", sys.stdin.read(), {"Content-Type": "application/json"})
answer = engine.getresponse()
text = answer.read().decode()
if answer.status != 200:
    sys.exit(json.loads(text)["message"] if text.startswith("{") else text)
"""
# An edge that takes readers from the load balancer gets the time to say that it goes.
LEAVE = """
docker ps -q --filter label=com.docker.swarm.task.id --filter publish=443 |
    xargs -r docker stop --time 40 >/dev/null
# The engine waits 15 s for what it runs to stop, and gives up; what is stopping goes on to.
for attempt in 1 2 3; do
    [ "$(docker info --format '{{.Swarm.LocalNodeState}}')" = inactive ] && exit
    docker swarm leave --force && exit
    sleep 2
done
exit 1
"""
