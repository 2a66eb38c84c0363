#!/bin/bash
# Make the database and its user at the first start, then run the server, with the options given.
set -euo pipefail
server() { mysqld --user=mysql --socket=/var/run/mysqld/mysqld.sock "$@"; }
ready=/var/lib/mysql/.ready

if [ ! -e "$ready" ]; then
    find /var/lib/mysql -mindepth 1 -delete # what an interrupted start left
    cat >/tmp/first.sql <<SQL
ALTER USER root@localhost IDENTIFIED BY '$(head -c 24 /dev/urandom | base64)';
CREATE DATABASE \`$MYSQL_DATABASE\`;
CREATE USER '$MYSQL_USER'@'%' IDENTIFIED BY '$MYSQL_PASSWORD';
GRANT ALL ON \`$MYSQL_DATABASE\`.* TO '$MYSQL_USER'@'%';
SQL
    server --initialize-insecure --init-file=/tmp/first.sql
    rm /tmp/first.sql
    touch "$ready"
fi
exec mysqld --user=mysql --socket=/var/run/mysqld/mysqld.sock "$@"
