"""The database's writer and its successor, as Aurora has them: a name leads to one of two.

Both run in the guest that plays the cloud; each step makes sure of what it has done.
"""

from __future__ import annotations

from loadtest.drills.cloud import Run, in_cloud
from provisioning.errors import OperatorError
from provisioning.rehearsal.layout import DATABASE, SERVICES, SUCCESSOR

WRITER = SERVICES[DATABASE]
UNIT = "rehearsal-successor"
SOCKET = "/run/mysqld/successor.sock"
NAMES = "/etc/rehearsal/dnsmasq.conf"
SHELL = f"""set -e
writer() {{ mariadb -N -B "$@"; }}
successor() {{ mariadb --socket={SOCKET} -N -B "$@"; }}
position() {{ "$1" -e "SELECT @@GLOBAL.gtid_current_pos"; }}
follow() {{  # who, whom by address: what the one writes from now on the other writes as well
  "$1" -e "CHANGE MASTER TO MASTER_HOST='$2', MASTER_USER='replica', MASTER_PASSWORD='replica',
    MASTER_CONNECT_RETRY=1, MASTER_USE_GTID=slave_pos; START SLAVE"
}}
caught_up() {{  # who, with whom: it has written all that the other has
  [ "$("$1" -e "SELECT MASTER_GTID_WAIT('$(position "$2")', 30)")" = 0 ]
}}
hand() {{  # from whom, to whom, their addresses: the one takes no change any more, the other does
  "$1" -e "SET GLOBAL read_only = 1"
  caught_up "$2" "$1"
  "$2" -e "STOP SLAVE; RESET SLAVE ALL; SET GLOBAL read_only = 0"
  "$1" -e "SET GLOBAL gtid_slave_pos = '$(position "$1")'"
  follow "$1" "$4"  # before the name changes, so that it can be handed back from then on
  sed -i "s/^host-record={DATABASE},.*/host-record={DATABASE},$4/" {NAMES}
  systemctl restart rehearsal-resolver
}}
"""
SERVER = f"""
cat > /etc/mysql/mariadb.conf.d/99-successor.cnf <<end
[mariadbd]
server-id = 1
log-bin = writer
log-slave-updates
end
systemctl restart mariadb
writer -e "CREATE USER IF NOT EXISTS replica@'%' IDENTIFIED BY 'replica';
  GRANT REPLICATION SLAVE ON *.* TO replica@'%'"
ip address replace {SUCCESSOR}/24 dev eth0
rm -rf /var/lib/successor
mariadb-install-db --no-defaults --datadir=/var/lib/successor --user=mysql \\
  --auth-root-authentication-method=socket --skip-test-db >/dev/null
sed -e 's/^bind-address.*/bind-address = {SUCCESSOR}/' -e '/^init-file/d' \\
  /etc/mysql/mariadb.conf.d/99-rehearsal.cnf > /etc/rehearsal/successor.cnf
cat >> /etc/rehearsal/successor.cnf <<end
user = mysql
datadir = /var/lib/successor
socket = {SOCKET}
pid-file = /run/mysqld/successor.pid
server-id = 2
log-bin = successor
log-slave-updates
read-only
end
systemd-run --quiet --unit={UNIT} mariadbd --defaults-file=/etc/rehearsal/successor.cnf
for _ in $(seq 150); do successor -e "SELECT 1" >/dev/null 2>&1 && break; sleep 0.2; done
"""
CLONE = f"""
mariadb-dump --all-databases --single-transaction --master-data=1 --gtid > /var/lib/successor.sql
successor < /var/lib/successor.sql
rm /var/lib/successor.sql
successor -e "FLUSH PRIVILEGES"
follow successor {WRITER}
caught_up successor writer
"""
HAND_OVER = f"hand writer successor {WRITER} {SUCCESSOR}\n"
ASK = f"""
writer -e "SELECT @@GLOBAL.read_only"
successor -e "SELECT @@GLOBAL.read_only"
host {DATABASE} | sed -n 's/.* has address //p'
"""
HAND_BACK = f"""
if grep -q '^host-record={DATABASE},{SUCCESSOR}$' {NAMES}; then
  hand successor writer {SUCCESSOR} {WRITER}
fi
[ -e /etc/mysql/mariadb.conf.d/99-successor.cnf ] || exit 0
systemctl stop {UNIT} || true
rm -rf /var/lib/successor /etc/mysql/mariadb.conf.d/99-successor.cnf /etc/rehearsal/successor.cnf
writer -e "RESET MASTER; SET GLOBAL gtid_slave_pos = ''; DROP USER IF EXISTS replica@'%'"
systemctl restart mariadb
rm -f /var/lib/mysql/writer.*
ip address del {SUCCESSOR}/24 dev eth0
"""


def raise_successor(run: Run = in_cloud) -> None:
    """Start a second server with all that the writer has, which writes what that writes."""
    run(SHELL + SERVER)
    run(SHELL + CLONE)


def hand_over(run: Run = in_cloud) -> None:
    """Let the writer take no change, its successor take them, and the name lead to that."""
    run(SHELL + HAND_OVER)
    if run(SHELL + ASK).split() != ["1", "0", SUCCESSOR]:
        raise OperatorError("The successor has not taken over: the fault did not act.")


def hand_back(run: Run = in_cloud) -> None:
    """Let the first server be the writer again, with all that its successor took; end that."""
    run(SHELL + HAND_BACK)
