#!/bin/sh
# Writes the users of the ACL from the environment and starts the server.
set -eu

config=/tmp/redis.conf
acl=/tmp/users.acl
password=${REDIS_PASSWORD-$(cat "$REDIS_PASSWORD_FILE")}

case $REDIS_USER in
  default | *[!A-Za-z0-9_.-]*) echo "redis: REDIS_USER=$REDIS_USER: use letters, digits, _ . - (and not the name default)" >&2; exit 1 ;;
esac

# The file holds a digest, so a look at it gives no password away.
hash=$(printf '%s' "$password" | sha256sum | cut -d ' ' -f 1)
(
  umask 077
  # What the application needs: every key and channel, and no command that administers the server or can stop it for long.
  echo "user $REDIS_USER on #$hash ~* &* +@all -@admin -@dangerous +info" >"$acl"
  # For people: redis-cli -a PASSWORD
  echo "user default on #$hash ~* &* +@all" >>"$acl"
)

cp /etc/redis/redis.conf "$config"
printf 'port %s\naclfile %s\n' "$REDIS_PORT" "$acl" >>"$config"
exec redis-server "$config"
