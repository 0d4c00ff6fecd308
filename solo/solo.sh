# shellcheck shell=bash
# shellcheck disable=SC2016,SC2154 # messages quote commands in backticks; say, die, holder and their like are sun's
# Part of ./sun: the application without Docker, on a private PostgreSQL of this machine, without Redis, RabbitMQ and
# Kafka, mails into a folder.
#
#   ./sun solo             installs what is missing, builds, runs until Ctrl-C
#   ./sun solo seed        while it runs, in another terminal: the demo account (`seed --again` makes it anew)
#   ./sun solo reset       removes its data, after asking (`reset yes` does not ask)
#
# Settings, from the environment: PORT; POSTGRES_HOST and the other POSTGRES_* for a server of one's own;
# BLAZING_SUN_SOLO, the folder of the data. It holds:
#   lock           held by this script, the application and every process of PostgreSQL: free means that nothing runs
#   postgres/      the cluster, and beside it postgres.log and port
#   secrets/       application key and database password
#   mails/         what the application would have sent
#   run/           the application's working directory, so that no .env of the checkout redirects it

# shellcheck source=solo/needs.sh
. solo/needs.sh
# shellcheck source=solo/postgres.sh
. solo/postgres.sh

solo() {
  local word=${1:-} tool
  case $word in '' | seed | reset) ;; *) die "there is no \`./sun solo $word\`: solo, solo seed, or solo reset" ;; esac
  { [ "$(uname)" = Linux ] && [ "${BASH_VERSINFO[0]}${BASH_VERSINFO[1]}" -ge 51 ]; } ||
    die 'solo needs Linux and bash 5.1 or newer; elsewhere there is `./sun up`'
  for tool in flock setsid setpriv; do
    command -v $tool >/dev/null || die "solo needs $tool, of util-linux"
  done
  home=${BLAZING_SUN_SOLO:-$(default_home)}
  [[ $home == /* ]] || die "BLAZING_SUN_SOLO is '$home': it must be an absolute path"
  umask 077
  case $word in
    seed) shift && seed "$@" ;;
    reset) reset "${2:-}" ;;
    *) run ;;
  esac
}

# Root's PostgreSQL runs as another user, who does not get into root's home.
default_home() {
  if [ "$(id -u)" = 0 ]; then
    printf /var/lib/blazing-sun/solo
  else
    printf '%s/blazing-sun/solo' "${XDG_DATA_HOME:-$HOME/.local/share}"
  fi
}

run() {
  local begun=$SECONDS missing=()
  port=${PORT:-9999}
  { [[ $port =~ ^[1-9][0-9]{0,4}$ ]] && [ "$port" -le 65535 ]; } || die "PORT is '$port': it must be a number from 1 to 65535"
  application='' building='' server='' no_cluster=''
  trap stop EXIT
  trap 'end 129' HUP
  trap 'end 130' INT
  trap 'end 143' TERM
  open_home
  take_lock
  check_port
  check_cargo
  check_compilers
  if [ -n "${POSTGRES_HOST:-}" ]; then check_own_server; else find_programs || missing+=(postgresql); fi
  stop_on_faults
  install_missing
  write_secret app_key
  if [ -z "${POSTGRES_HOST:-}" ]; then
    write_secret postgres_password
    make_cluster
    start_server
  fi
  build_application
  start_application
  # Ctrl-C may end the printing; the end is for what follows.
  ! wait_until_ready || welcome $((SECONDS - begun)) || true
  wait_for_the_end
}

# ---- Where the data is ----------------------------------------------------------------------------------------------

open_home() {
  (umask 022 && mkdir -p "$home") || exit 1
  # What somebody else keeps there, a reset would remove.
  [ -e "$home/lock" ] || [ -z "$(ls -A "$home")" ] || die "$home is in use by something else: give an empty folder (BLAZING_SUN_SOLO)"
  if [ "$(id -u)" = 0 ]; then chmod 0711 "$home"; else chmod 0700 "$home"; fi || exit 1
  touch "$home/lock"
  mkdir -p "$home/mails" "$home/run" "$home/secrets"
}

take_lock() {
  local pid='' at=''
  exec 9>>"$home/lock"
  if ! flock -n 9; then
    read -r pid at <"$home/lock" || true
    ! grep -qs solo "/proc/${pid:-none}/cmdline" || die "solo runs already (pid $pid, port $at)"
    say 'waiting for the end of what runs from before'
    flock -w 60 9 || die "the application or the PostgreSQL of an earlier solo does not end; they have $home/lock open"
  fi
  printf '%s %s\n' $$ "${port:-none}" >"$home/lock"
}

# Under another name until it is whole.
write_secret() {
  local file=$home/secrets/$1
  [ -s "$file" ] || { od -An -v -N 32 -t x1 /dev/urandom | tr -d ' \n' >"$file.new" && mv "$file.new" "$file"; }
}

reset() {
  local answer=$1
  [ -e "$home/lock" ] || { say "there is nothing in $home"; return; }
  take_lock
  if [ "$answer" != yes ] && [ -t 0 ]; then
    read -r -p "sun: remove the database, the keys and the mails in $home? [y/N] " answer
  fi
  case $answer in
    yes | [yY]*) ;;
    *) die "nothing was removed; \`./sun solo reset yes\` removes the database, the keys and the mails in $home" ;;
  esac
  # By name, so that nothing else goes with them.
  for answer in postgres postgres.new postgres.log port secrets mails run lock; do rm -rf "${home:?}/$answer"; done
  rmdir --ignore-fail-on-non-empty "$home"
  say "removed the data in $home"
}

# ---- The application ------------------------------------------------------------------------------------------------

check_port() {
  local who
  ! who=$(published='' project='' holder 127.0.0.1 "$port") || fault "port $port is in use by $who: stop that, or take another: PORT=$((port % 65535 + 1)) ./sun solo"
}

# In the background, as everything that takes long: a trap waits for the end of what runs in the foreground.
build_application() {
  say 'building the application, which takes minutes the first time'
  (cd blazing_sun && exec setsid setpriv --pdeathsig TERM cargo build --locked --bin blazing_sun) 9>&- &
  building=$!
  wait "$building" || { building= && die 'the application could not be built'; }
  building=
  find_binary
}

find_binary() {
  binary=$(cd blazing_sun && cargo metadata --format-version 1 --no-deps --locked | sed -E 's/.*"target_directory":"([^"]*)".*/\1/')/debug/blazing_sun
}

# What the application reads; its folder is not one where an .env could be.
export_settings() {
  local name
  export JOBS_CARRIER=postgres EVENTS_CARRIER=postgres CACHE=none MAIL_MAILER=log MAIL_FOLDER=$home/mails
  export PORT=$port BIND_ADDRESS=127.0.0.1 APP_URL=${APP_URL:-http://localhost:$port} APP_KEY_FILE=$home/secrets/app_key
  export LOG_FORMAT=${LOG_FORMAT:-pretty} RUST_LOG=${RUST_LOG:-info}
  # Nobody has to be told to send requests elsewhere.
  export DRAIN_SECONDS=${DRAIN_SECONDS:-0}
  # It listens on loopback only.
  export DEMO_DATA=${DEMO_DATA:-true}
  [ -t 1 ] || export NO_COLOR=1
  if [ -z "${POSTGRES_HOST:-}" ]; then
    # The names of another server do not mix with the private one's.
    for name in "${!POSTGRES_@}"; do unset "$name"; done
    export POSTGRES_HOST=127.0.0.1 POSTGRES_PORT=$server_port POSTGRES_USER=app POSTGRES_DB=blazing_sun
    export POSTGRES_SSLMODE=disable POSTGRES_PASSWORD_FILE=$home/secrets/postgres_password
  fi
}

start_application() {
  export_settings
  # In a session of its own: Ctrl-C reaches this script only, which ends one after the other.
  (cd "$home/run" && exec setsid setpriv --pdeathsig TERM "$binary" run) &
  application=$!
}

# Fails when the application has ended instead; it says why itself.
wait_until_ready() {
  until (cd "$home/run" && "$binary" health) >/dev/null 2>&1; do
    kill -0 "$application" 2>/dev/null || return 1
    sleep 0.2
  done
}

welcome() {
  local demo
  demo=$(cd "$home/run" && "$binary" seed --look 2>/dev/null) || demo='`./sun solo seed` in another terminal makes an account with two years of transactions'
  cat <<WELCOME

sun: ready after $1 s

  Application   $APP_URL
  Sign up       curl -i $APP_URL/api/v1/auth/sign-up -H 'Content-Type: application/json' -d '{"email":"ada@example.org","password":"violet kettle on a slow train"}'
  Demo          $demo
  Mails         $home/mails (the link of the sign-up is in the newest)
  End           Ctrl-C; the data stays, \`./sun solo reset\` removes it

WELCOME
}

# The demo account, in the database of the one that runs.
seed() {
  local pid
  { [ -e "$home/lock" ] && ! flock -n "$home/lock" true; } || die 'solo does not run: start `./sun solo`, then this in another terminal'
  read -r pid port <"$home/lock" || die "solo is only starting (pid ${pid:-unknown})"
  [ -n "${POSTGRES_HOST:-}" ] || server_port=$(cat "$home/port")
  find_binary
  [ -x "$binary" ] || die 'solo still builds the application: again when it is ready'
  export_settings
  cd "$home/run" || exit 1
  exec "$binary" seed "$@"
}

# ---- The end --------------------------------------------------------------------------------------------------------

wait_for_the_end() {
  local ended code lost=''
  while :; do
    code=0
    wait -n -p ended "$application" ${server:+"$server"} || code=$?
    case ${ended:-a signal} in
      "$application") break ;;
      "${server:-none}")
        server='' lost=1
        fault "PostgreSQL has ended: $(why)"
        kill -TERM "$application"
        ;;
    esac # else a signal came, and was passed on
  done
  application=
  [ -z "$lost" ] || exit 1
  exit "$code"
}

# A signal: while the application runs, its end is the end; before that there is nothing to be gentle with.
end() { if [ -n "$application" ]; then kill -TERM "$application" 2>/dev/null || true; else exit "$1"; fi; }

stop() {
  trap '' HUP INT TERM
  clusters_as_before
  [ -z "$building" ] || kill -TERM -- "-$building" 2>/dev/null || true
  [ -z "$application" ] || { kill -TERM "$application" && wait "$application"; } 2>/dev/null || true
  [ -z "$server" ] || { kill -INT "$server" && wait "$server"; } 2>/dev/null || true
}
