#!/bin/sh
# Fills the configuration in with the application's mail settings and starts Alertmanager.
set -eu

config=/tmp/alertmanager.yml
password=${MAIL_PASSWORD-$(cat "$MAIL_PASSWORD_FILE")}
unset MAIL_PASSWORD
to=${ALERT_MAIL_TO:-$ADMIN_EMAIL}
receiver=mail
without= # what to leave out of the template: a receiver without an address is an error

stop() { echo "alertmanager: $*" >&2; exit 1; }

# What the application does with MAIL_ENCRYPTION, as far as Alertmanager can. It does not try whether a server offers
# STARTTLS: with `opportunistic` it insists where there is a password to protect, and mails in the clear where there is none.
tls=false starttls=true
case $MAIL_ENCRYPTION in
  opportunistic) [ -n "$MAIL_USERNAME" ] || starttls=false ;;
  starttls) ;;
  tls) tls=true ;;
  none) starttls=false ;;
  *) stop "MAIL_ENCRYPTION is '$MAIL_ENCRYPTION': it must be opportunistic, starttls, tls or none" ;;
esac

if [ "$MAIL_MAILER" != smtp ]; then
  echo "alertmanager: MAIL_MAILER is $MAIL_MAILER: alerts are mailed to nobody, only shown here"
  receiver=nobody without="/^  - name: mail/,\$d"
elif [ -z "$to" ]; then
  echo "alertmanager: neither ALERT_MAIL_TO nor ADMIN_EMAIL is set: alerts are mailed to nobody, only shown here"
  receiver=nobody without="/^  - name: mail/,\$d"
fi

# A text of YAML in single quotes, then for the right side of sed's s|||.
quoted() { printf "'%s'" "$(printf '%s' "$1" | sed "s/'/''/g")" | sed 's/[\\|&]/\\&/g'; }
# The same for what Alertmanager takes as a template.
plain() { quoted "$(printf '%s' "$1" | sed 's/{{/{{ "{{" }}/g')"; }

(
  umask 077
  sed -e "$without" -e "s|\${STARTTLS}|$starttls|; s|\${TLS}|$tls|; s|\${RECEIVER}|$receiver|; s|\${TO}|$(plain "$to")|" \
    -e "s|\${SMTP}|$(quoted "$MAIL_HOST:$MAIL_PORT")|; s|\${FROM}|$(plain "$MAIL_FROM_ADDRESS")|" \
    -e "s|\${USERNAME}|$(quoted "$MAIL_USERNAME")|; s|\${PASSWORD}|$(quoted "$password")|" \
    /etc/alertmanager/alertmanager.yml.template >"$config"
)
unset password

# One node: no cluster, so nothing listens for others.
exec alertmanager --config.file="$config" --storage.path=/alertmanager --cluster.listen-address= \
  --web.external-url="http://localhost:$ALERTMANAGER_PORT/" --web.route-prefix=/ "$@"
