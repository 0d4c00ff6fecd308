#!/bin/sh
# Makes the cluster at first start, then at every start brings roles, database and passwords in line with the environment.
set -eu

volume=/var/lib/postgresql
export PGDATA="$volume/$PG_MAJOR/docker"
export TLS="$volume/tls"
: "${PGPORT:=5432}"

stop() { echo "postgres: $*" >&2; exit 1; }

case $POSTGRES_USER in postgres | monitoring | pg_*) stop "POSTGRES_USER=$POSTGRES_USER is PostgreSQL's own name: choose another" ;; esac
[ -w "$volume" ] || stop "the volume pgdata is not writable for $(id -un) (uid $(id -u)): it was made by another image; chown it or use a new one"

# A volume of another major, in the layout of 18 (…/17/docker) and in the one before (the volume itself is the cluster).
if [ ! -s "$PGDATA/PG_VERSION" ]; then
  for found in "$volume"/PG_VERSION "$volume"/data/PG_VERSION "$volume"/*/docker/PG_VERSION; do
    [ ! -s "$found" ] || stop "the volume pgdata holds a PostgreSQL $(cat "$found") cluster and this is PostgreSQL $PG_MAJOR:" \
      "set POSTGRES_IMAGE back to $(cat "$found"), or dump there and restore here (docs/operations.md)"
  done
fi

if [ ! -s "$PGDATA/PG_VERSION" ]; then
  # Under another name until it is whole: an initdb that was killed must not look like a cluster.
  rm -rf "$PGDATA.new"
  initdb --pgdata="$PGDATA.new" --username=postgres --auth-local=trust --auth-host=reject --data-checksums \
    --encoding=UTF8 --locale-provider=builtin --builtin-locale=C.UTF-8 --no-instructions >/tmp/initdb.log 2>&1 \
    || { cat /tmp/initdb.log >&2; exit 1; }
  mv "$PGDATA.new" "$PGDATA"
  echo "postgres: made a PostgreSQL $PG_MAJOR cluster"
fi

if [ ! -s "$TLS/server.key" ]; then
  mkdir -p "$TLS"
  openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 3650 -subj /CN=postgres \
    -addext subjectAltName=DNS:postgres,DNS:localhost -keyout "$TLS/server.key.new" -out "$TLS/server.crt" 2>/tmp/openssl.log \
    || { cat /tmp/openssl.log >&2; exit 1; }
  chmod 0600 "$TLS/server.key.new"
  mv "$TLS/server.key.new" "$TLS/server.key"
fi

config=/tmp/postgresql.conf
sed -e "s|\${PGPORT}|$PGPORT|; s|\${TLS}|$TLS|" /etc/postgresql/postgresql.conf.template >"$config"

# Over the socket of the running server; until this is done nobody can sign in over the network, and the healthcheck is red.
reconcile() {
  until pg_isready --quiet --host=/run/postgresql; do sleep 0.2; done
  POSTGRES_PASSWORD=${POSTGRES_PASSWORD-$(cat "$POSTGRES_PASSWORD_FILE")} \
  MONITORING_PASSWORD=${MONITORING_PASSWORD-$(cat "$MONITORING_PASSWORD_FILE")} \
    psql --host=/run/postgresql --username=postgres --dbname=postgres --no-psqlrc --quiet --tuples-only -v ON_ERROR_STOP=1 \
    >/dev/null <<'SQL' || echo "postgres: could not bring roles and database in line with .env (see above)" >&2
\getenv user POSTGRES_USER
\getenv database POSTGRES_DB
\getenv password POSTGRES_PASSWORD
\getenv monitoring MONITORING_PASSWORD
\set options ''
\getenv options POSTGRES_USER_OPTIONS
-- An error must not write a statement with a password into the log.
SET log_min_error_statement = panic;
SET log_min_duration_statement = -1;

SELECT format('CREATE ROLE %I', :'user') WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = :'user') \gexec
ALTER ROLE :"user" LOGIN NOSUPERUSER NOCREATEROLE NOCREATEDB NOREPLICATION NOBYPASSRLS PASSWORD :'password';
SELECT format('ALTER ROLE %I %s', :'user', :'options') WHERE :'options' <> '' \gexec
SELECT format('CREATE DATABASE %I OWNER %I', :'database', :'user')
  WHERE NOT EXISTS (SELECT FROM pg_database WHERE datname = :'database') \gexec
ALTER DATABASE :"database" OWNER TO :"user";
REVOKE ALL ON DATABASE :"database" FROM PUBLIC;

-- The exporter's: reads statistics, no rows. It can hold up nothing for long, nor take the connections of others.
SELECT 'CREATE ROLE monitoring' WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'monitoring') \gexec
ALTER ROLE monitoring LOGIN NOSUPERUSER NOCREATEROLE NOCREATEDB NOREPLICATION NOBYPASSRLS CONNECTION LIMIT 5 PASSWORD :'monitoring';
ALTER ROLE monitoring SET statement_timeout = '5s';
GRANT pg_monitor TO monitoring;
GRANT CONNECT ON DATABASE :"database" TO monitoring;
\connect :"database"
CREATE EXTENSION IF NOT EXISTS pg_stat_statements;
SQL
}
# In a subshell of its own, so that its end is reaped by the init process and not by the server.
(reconcile &)

exec postgres -D "$PGDATA" -c "config_file=$config" -c "hba_file=/etc/postgresql/pg_hba.conf" "$@"
