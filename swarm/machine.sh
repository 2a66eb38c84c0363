#!/usr/bin/env bash
# Set the shop up on this one machine, and look after it: docs/one-machine.md. Run it as root.
set -euo pipefail
here=$PWD
cd "$(dirname "$(readlink -f "$0")")"

usage() {
    cat <<'TEXT'
usage: sudo ./machine.sh COMMAND

  up               start everything, or what is missing or has changed; brings the database up to date
  deploy IMAGE     another image of the shop, one copy after the other; back to the one before if it fails
  status           what runs, and the newest backup
  backup           dump the database and the covers into BACKUPS
  schedule         back up every hour from now on (systemd)
  restore FOLDER   load a backup into a database that is empty
TEXT
}

say() { printf '%s\n' "$*" >&2; }
fail() { say "$*"; exit 1; }
compose() { docker compose --file compose.https.yml "$@"; }
# A value of .env as compose reads it: the last one counts, without quotes and without a comment behind.
setting() {
    sed -nE "s/^\s*(export\s+)?$1\s*=\s*//p" .env | tail -n 1 |
        sed -E "s/^\"([^\"]*)\".*/\1/; t; s/^'([^']*)'.*/\1/; t; s/\s+#.*//; s/\s+$//"
}
database() { compose exec -T database bash -c 'MYSQL_PWD="$MYSQL_PASSWORD" exec "$@"' - "$@"; }

covers() { compose run --rm -T --no-deps --entrypoint sh shop1 -c "$1"; }
whole() { gzip -dc "$1" | tail -n 1 | grep -q '^-- Dump completed'; }

up() {
    compose up --detach --wait database
    compose run --rm --no-deps migrate
    compose up --detach --wait --remove-orphans
    say "It runs. Look at it: https://$(setting DOMAIN)"
}

healthy() {
    compose up --detach --wait --no-deps "$1" && return
    say "$1 did not get healthy with $IMAGE. Its last lines:"
    compose logs --no-log-prefix --tail 20 "$1" >&2
    return 1
}

deploy() {
    local before copy
    before=$(setting IMAGE)
    export IMAGE=$1
    docker pull --quiet "$IMAGE"
    compose run --rm --no-deps migrate || fail "The migration failed; $before runs on."
    trap 'compose rm --force --stop trial >/dev/null 2>&1' EXIT
    healthy trial || fail "$before runs on." # no reader has met the other
    compose rm --force --stop trial >/dev/null 2>&1
    trap - EXIT
    for copy in shop1 shop2; do # the second when the first serves
        if ! healthy "$copy"; then
            IMAGE=$before compose up --detach --wait --no-deps shop1 shop2
            fail "$before runs again."
        fi
    done
    sed -Ei "s|^\s*(export\s+)?IMAGE\s*=.*|IMAGE=$IMAGE|" .env
    say "$IMAGE runs. To go back: sudo ./machine.sh deploy $before"
}

backup() {
    local root folder keep
    umask 077
    keep=$(setting KEEP)
    keep=${keep:-48}
    [[ $keep =~ ^[1-9][0-9]*$ ]] || fail "KEEP in .env is “$keep”: say how many backups to keep, 1 or more."
    root=$(setting BACKUPS)
    [ -n "$root" ] || fail "Say in .env where backups go: BACKUPS=/srv/backups"
    mkdir -p "$root"
    if [ "$(stat -c %d "$root")" = "$(stat -c %d "$(docker info --format '{{.DockerRootDir}}')")" ]; then
        say "Beware: $root is on the disk of the database. Lose the disk, and you lose both."
    fi
    folder=$root/$(date -u +%Y-%m-%dT%H-%M-%SZ)
    part=$folder.part
    mkdir "$part"
    trap 'rm -rf -- "$part"; say "The backup failed. Those before it are untouched."' EXIT
    database mysqldump --user=bookstore --single-transaction --set-gtid-purged=OFF --skip-masking-policies --no-tablespaces bookstore |
        gzip -1 >"$part/database.sql.gz"
    whole "$part/database.sql.gz" || fail "The dump of the database is not whole."
    # Its status 1 says that a cover came or went meanwhile.
    covers 'tar --directory /srv/media --create . || [ $? = 1 ]' >"$part/covers.tar"
    cp .env "$part/env"
    [ ! -f settings.env ] || cp settings.env "$part"
    mv "$part" "$folder"
    trap - EXIT
    find "$root" -mindepth 1 -maxdepth 1 -name '20*Z' | sort | head -n "-$keep" | xargs -r -d '\n' rm -r --
    say "$folder: $(du -sh "$folder" | cut -f1)"
}

schedule() {
    cat >/etc/systemd/system/bookstore-backup.service <<TEXT
[Unit]
Description=Back up the shop
[Service]
Type=oneshot
ExecStart=$PWD/machine.sh backup
TEXT
    cat >/etc/systemd/system/bookstore-backup.timer <<'TEXT'
[Unit]
Description=Back up the shop every hour
[Timer]
OnCalendar=hourly
Persistent=true
[Install]
WantedBy=timers.target
TEXT
    systemctl daemon-reload
    systemctl enable --now bookstore-backup.timer
}

restore() {
    local from tables
    from=$(cd "$here" && readlink -m -- "$1")
    [ -f "$from/database.sql.gz" ] && [ -f "$from/covers.tar" ] || fail "$1 is no backup."
    whole "$from/database.sql.gz" || fail "database.sql.gz in $from is not whole: take another backup."
    tar --list --file "$from/covers.tar" >/dev/null || fail "covers.tar in $from is not whole: take another backup."
    compose up --detach --wait database
    tables=$(database mysql --user=bookstore --batch --skip-column-names --execute 'SHOW TABLES' bookstore)
    [ -z "$tables" ] || fail "The database holds tables: only an empty one is restored into. docs/one-machine.md says how to start over."
    gzip -dc "$from/database.sql.gz" | database mysql --user=bookstore bookstore
    covers 'tar --directory /srv/media --extract' <"$from/covers.tar"
    up
}

status() {
    compose ps
    say "Newest backup: $(find "$(setting BACKUPS)" -mindepth 1 -maxdepth 1 -name '20*Z' | sort | tail -1 | grep . || echo none)"
}

command=${1:-}
case $command in
    up | backup | schedule | status) [ $# = 1 ] || { usage >&2; exit 2; } ;;
    deploy | restore) [ $# = 2 ] || { usage >&2; exit 2; } ;;
    *) usage >&2; exit 2 ;;
esac
[ "$(id -u)" = 0 ] || fail "Run it as root: sudo ./machine.sh $*"
[ -f .env ] || fail "There is no .env beside this file. docs/one-machine.md says what belongs into it."
"$@"
