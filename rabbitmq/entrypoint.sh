#!/bin/sh
# Fills the definitions in from the environment (the password as a salted digest) and starts the broker.
set -eu

password=${RABBITMQ_PASSWORD-$(cat "$RABBITMQ_PASSWORD_FILE")}

# hex digits -> the bytes they stand for
# shellcheck disable=SC2059 # the escapes are the point
bytes() { printf "$(printf '%s' "$1" | sed 's/../0x& /g' | xargs printf '\\%03o')"; }

# A value for JSON, then for the right side of sed's s|||.
quoted() { printf '%s' "$1" | sed -e 's/[\\"]/\\&/g' | sed -e 's/[\\|&]/\\&/g'; }

# rabbit_password_hashing_sha256: base64(salt + sha256(salt + password)), https://www.rabbitmq.com/docs/passwords
salt=$(head -c 4 /dev/urandom | od -An -tx1 | tr -d ' \n')
digest=$({ bytes "$salt"; printf '%s' "$password"; } | sha256sum | cut -d ' ' -f 1)
hash=$(bytes "$salt$digest" | base64 | tr -d '\n')

(
  umask 077
  sed -e "s|\${USER}|$(quoted "$RABBITMQ_USER")|g; s|\${VHOST}|$(quoted "$RABBITMQ_VHOST")|g; s|\${PASSWORD_HASH}|$hash|g" \
    /etc/rabbitmq/definitions.json >/tmp/definitions.json
)

# The image refuses to start with the old way of giving a password, and the password is of no use to the broker itself.
unset RABBITMQ_PASSWORD RABBITMQ_PASSWORD_FILE
export RABBITMQ_NODE_PORT="$RABBITMQ_PORT" RABBITMQ_ENABLED_PLUGINS_FILE=/etc/rabbitmq/enabled_plugins
exec rabbitmq-server
