# shellcheck shell=bash
# shellcheck disable=SC2154 # variables of sun and solo.sh
# Part of ./sun solo: the private PostgreSQL. It listens on loopback and lets in one role to one database, with a
# password; nobody else, not even its superuser.

oldest=15

# 15.18 or 15+248 or "postgres (PostgreSQL) 15.18": 15.
major_of() { local digits='([0-9]+)' && [[ $1 =~ $digits ]] && printf '%s' "${BASH_REMATCH[1]}" || printf 0; }

# The reason in what PostgreSQL wrote last.
why() { grep -iE 'error|fatal|panic' "$home/postgres.log" | tail -n 1 | grep . || tail -n 1 "$home/postgres.log"; }

# The newest programs here; a cluster that is there already needs those of its own version.
find_programs() {
  local folder found wanted
  programs='' major=0
  wanted=$(cat "$home/postgres/PG_VERSION" 2>/dev/null) || wanted=
  for folder in /usr/lib/postgresql/*/bin /usr/pgsql-*/bin "$(dirname "$(command -v postgres || echo .)")"; do
    if ! [ -x "$folder/postgres" ] || ! [ -x "$folder/initdb" ]; then continue; fi
    found=$(major_of "$("$folder/postgres" --version)")
    if [ "$found" -gt "$major" ] && [ "$found" -ge "$oldest" ] && [ "${wanted:-$found}" = "$found" ]; then
      programs=$folder major=$found
    fi
  done
  [ -z "$wanted" ] || [ -n "$programs" ] ||
    die "the data in $home is of PostgreSQL $wanted, which is not here any more: install postgresql-$wanted, or \`./sun solo reset\`"
  [ -n "$programs" ]
}

# A server that the person named: asked now, and not after minutes of building.
check_own_server() {
  local at=${POSTGRES_PORT:-5432}
  [ -n "${POSTGRES_PASSWORD+set}${POSTGRES_PASSWORD_FILE:-}" ] || fault 'POSTGRES_HOST is set: POSTGRES_PASSWORD, or POSTGRES_PASSWORD_FILE, is needed too'
  # shellcheck disable=SC2016 # expanded inside
  timeout 5 bash -c ': <"/dev/tcp/$0/$1"' "$POSTGRES_HOST" "$at" 2>/dev/null ||
    fault "no PostgreSQL answers at $POSTGRES_HOST:$at: correct POSTGRES_HOST and POSTGRES_PORT, or unset them for a private one"
}

# PostgreSQL refuses root. Whoever owns a cluster that is there goes on to.
find_server_user() {
  local user group
  as_server=(setpriv --no-new-privs)
  [ "$(id -u)" = 0 ] || return 0
  read -r user group < <(stat -c '%u %g' "$home/postgres" 2>/dev/null || { id -u postgres && id -g postgres; } 2>/dev/null | xargs)
  [ -n "${user:-}" ] || { user=$(id -u nobody) && group=$(id -g nobody); }
  as_server+=("--reuid=$user" "--regid=$group" --clear-groups)
}

make_cluster() {
  local new=$home/postgres.new log=$home/postgres.log
  find_server_user
  # It cannot always look into the directory this script runs in.
  "${as_server[@]}" test -x "$home" || die "PostgreSQL's user cannot get into $home: give a folder that is open to it (BLAZING_SUN_SOLO)"
  [ ! -s "$home/postgres/PG_VERSION" ] || return 0
  say "making a PostgreSQL $major database in $home"
  # Under another name until it is whole.
  rm -rf "$new"
  mkdir "$new"
  [ "$(id -u)" != 0 ] || chown "$("${as_server[@]}" id -u):$("${as_server[@]}" id -g)" "$new"
  (cd / && "${as_server[@]}" "$programs/initdb" --pgdata="$new" --username=postgres --auth=reject --data-checksums --encoding=UTF8 \
    --locale=C.UTF-8) </dev/null >"$log" 2>&1 || die "PostgreSQL's database could not be made: $(why)"
  echo 'host blazing_sun app 127.0.0.1/32 scram-sha-256' >"$new/pg_hba.conf"
  # Without a server there is nobody to connect to, and so no password of a superuser. It ends well whatever was said.
  (cd / && "${as_server[@]}" "$programs/postgres" --single -D "$new" postgres) >"$log" 2>&1 <<SQL
CREATE ROLE app LOGIN PASSWORD '$(cat "$home/secrets/postgres_password")'
CREATE DATABASE blazing_sun OWNER app
SQL
  ! grep -q ERROR "$log" || die "PostgreSQL's database could not be made: $(why)"
  mv "$new" "$home/postgres"
}

start_server() {
  local waited=0 # in tenths of a second
  server_port=$(cat "$home/port" 2>/dev/null) || server_port=
  while [ -z "$server_port" ] || published='' project='' holder 127.0.0.1 "$server_port" >/dev/null; do
    server_port=$((RANDOM % 10000 + 20000))
  done
  printf '%s' "$server_port" >"$home/port"
  # Left by one that was killed. That none runs is known from the lock, and its number may be somebody else's by now.
  rm -f "$home/postgres/postmaster.pid"
  # Whatever ends this script, also kill -9, ends it.
  (cd / && exec setsid "${as_server[@]}" --pdeathsig INT "$programs/postgres" -D "$home/postgres" -p "$server_port" \
    -c listen_addresses=127.0.0.1 -c unix_socket_directories=) </dev/null >"$home/postgres.log" 2>&1 &
  server=$!
  until "$programs/pg_isready" -q -h 127.0.0.1 -p "$server_port"; do
    kill -0 "$server" 2>/dev/null || die "PostgreSQL does not start: $(why) (all of it: $home/postgres.log)"
    [ $((waited += 1)) -le 600 ] || die "PostgreSQL did not answer within 60 s; see $home/postgres.log"
    sleep 0.1
  done
}
