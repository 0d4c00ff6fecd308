#!/bin/sh
# Development only: writes blazing_sun/.env for the tools that read it, then builds and runs the application at every change.
set -eu
cd /home/rust/blazing_sun

# What cargo-watch runs at every change.
if [ "${1:-}" = rebuild ]; then
  # `sqlx migrate add` makes a file to be filled in. Were it applied as it is, filling it in would change history.
  empty=$(grep -LvE '^[[:space:]]*(--.*)?$' migrations/*.sql || :)
  [ -z "$empty" ] || { echo "rust: waiting for SQL in $empty" >&2; exit 1; }
  # After a restart of the engine everything starts at once. sqlx waits ten seconds for a server that refuses, and not at
  # all for a name that nobody has yet; cargo-watch would then wait for a change.
  until bash -c ": <>/dev/tcp/$POSTGRES_HOST/$POSTGRES_PORT" 2>/dev/null; do
    [ -n "${told:-}" ] || echo "rust: waiting for PostgreSQL at $POSTGRES_HOST:$POSTGRES_PORT"
    told=1
    sleep 1
  done
  sqlx migrate run
  cargo build --bin blazing_sun
  exec target/debug/blazing_sun run
fi

for folder in . target /usr/local/cargo/registry; do
  [ -w "$folder" ] || { echo "rust: $folder is not writable for uid $(id -u): set HOST_UID and HOST_GID in .env to the owner of" \
    "the checkout, then: docker compose down, docker volume rm rust_cargo-cache rust_target-cache, docker compose up -d --build" >&2; exit 1; }
done

# Every byte as %XX: plain to see that nothing in a password can end a part of the URL.
encoded() { printf '%s' "$1" | od -An -v -tx1 | tr -d '\n' | tr ' ' '%'; }

# NAME="value" as dotenv files want it.
line() { printf '%s="%s"\n' "$1" "$(printf '%s' "$2" | sed 's/[\\"$]/\\&/g')"; }

(
  umask 077
  {
    echo '# Written by rust/entrypoint.sh at each start of the container, from the .env of the repository: edit that one.'
    env | sed -n 's/^\(PORT\|APP_URL\|APP_KEY\|JOBS_CARRIER\|EVENTS_CARRIER\|CACHE\|POSTGRES_[A-Z_]*\|REDIS_[A-Z_]*\|RABBITMQ_[A-Z_]*\|KAFKA_[A-Z_]*\|MAIL_[A-Z_]*\)=.*/\1/p' | sort \
      | while read -r name; do eval "line $name \"\$$name\""; done
    line DATABASE_URL "postgres://$(encoded "$POSTGRES_USER"):$(encoded "$POSTGRES_PASSWORD")@$POSTGRES_HOST:$POSTGRES_PORT/$(encoded "$POSTGRES_DB")"
  } >.env.new
  mv .env.new .env
)

# The build asks the database about every query (SQLX_OFFLINE) and notes the answers in .sqlx (SQLX_OFFLINE_DIR), which is
# what `cargo sqlx prepare` would do in a second pass; .sqlx, .env, storage and target are not watched.
export SQLX_OFFLINE=false SQLX_OFFLINE_DIR="$PWD/.sqlx"
exec cargo watch ${CARGO_WATCH_POLL:+--poll} \
  --watch src --watch migrations --watch config --watch templates --watch assets --watch Cargo.toml --watch Cargo.lock \
  --shell '/usr/local/bin/entrypoint.sh rebuild'
