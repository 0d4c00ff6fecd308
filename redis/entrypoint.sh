#!/bin/sh
# Writes the users of the ACL from the environment and starts the server.
set -eu

config=/tmp/redis.conf
acl=/tmp/users.acl
password=${REDIS_PASSWORD-$(cat "$REDIS_PASSWORD_FILE")}

case $REDIS_USER in
  default | monitoring | *[!A-Za-z0-9_.-]*)
    echo "redis: REDIS_USER=$REDIS_USER: use letters, digits, _ . - (and not the names default and monitoring)" >&2
    exit 1
    ;;
esac

# The file holds a digest, so a look at it gives no password away.
digest() { printf '%s' "$1" | sha256sum | cut -d ' ' -f 1; }
hash=$(digest "$password")
monitoring=${MONITORING_PASSWORD-$(cat "$MONITORING_PASSWORD_FILE")}
(
  umask 077
  # What the application needs: every key and channel, and no command that administers the server or can stop it for long.
  echo "user $REDIS_USER on #$hash ~* &* +@all -@admin -@dangerous +info" >"$acl"
  # The exporter's: the server's figures, no key and no channel.
  echo "user monitoring on #$(digest "$monitoring") resetkeys resetchannels -@all +ping +info +latency|latest +latency|histogram +slowlog|len" >>"$acl"
  # For people: redis-cli -a PASSWORD
  echo "user default on #$hash ~* &* +@all" >>"$acl"
)

cp /etc/redis/redis.conf "$config"
printf 'port %s\naclfile %s\n' "$REDIS_PORT" "$acl" >>"$config"
exec redis-server "$config"
