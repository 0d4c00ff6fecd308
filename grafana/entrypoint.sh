#!/bin/sh
# Grafana with the administrator of the environment. Its name is set at first start, its password at each start.
set -eu

password=${GRAFANA_PASSWORD-$(cat "$GRAFANA_PASSWORD_FILE")}
: "${GRAFANA_USER:?is missing}" "${password:?GRAFANA_PASSWORD is empty}"
unset GRAFANA_PASSWORD

if [ -s "$GF_PATHS_DATA/grafana.db" ]; then
  # An old volume: Grafana itself reads the password from its settings only when it makes the account.
  printf '%s\n' "$password" | grafana cli --homepath "$GF_PATHS_HOME" --config "$GF_PATHS_CONFIG" \
    admin reset-admin-password --password-from-stdin >/dev/null
else
  # Here Grafana would replace ${NAME} in the password; the next start sets it as it is.
  export GF_SECURITY_ADMIN_USER="$GRAFANA_USER" GF_SECURITY_ADMIN_PASSWORD="$password"
fi
unset password

exec /run.sh
