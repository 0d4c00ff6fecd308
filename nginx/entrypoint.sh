#!/bin/sh
# Sees to the certificates, fills the configuration in and starts nginx.
set -eu

ssl=/etc/nginx/ssl
# cert.pem and key.pem are yours to replace (docker cp, ./sun cert). What is served is a copy of the last pair that was good.
active=$ssl/active

say() { echo "nginx: $*"; }

# Prints what is wrong with a pair, or nothing.
fault() {
  openssl x509 -in "$1" -noout 2>/dev/null || { echo "$1 is not a certificate in PEM"; return; }
  certified=$(openssl x509 -in "$1" -noout -pubkey)
  held=$(openssl pkey -in "$2" -passin pass: -pubout 2>/dev/null) || { echo "$2 is not an unencrypted private key in PEM"; return; }
  [ "$certified" = "$held" ] || { echo "$1 and $2 do not belong together"; return; }
  openssl x509 -in "$1" -noout -checkend 0 >/dev/null || echo "$1 has expired"
}

make_certificate() {
  openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 825 -subj "/CN=$SERVER_NAME" \
    -addext "subjectAltName=DNS:$SERVER_NAME,DNS:localhost,IP:127.0.0.1" \
    -keyout "$ssl/key.pem" -out "$ssl/cert.pem" 2>/tmp/openssl.log || { cat /tmp/openssl.log >&2; exit 1; }
  say "made a self-signed certificate for $SERVER_NAME"
}

umask 077
mkdir -p "$active"
# (A link that leads nowhere is there too, though -e says it is not.)
[ -n "$(ls "$ssl/cert.pem" "$ssl/key.pem" 2>/dev/null)" ] || make_certificate
# `docker cp` may leave them to the user number they had on the host, which root may not read here.
find "$ssl" -maxdepth 1 -type f -exec chown root:root {} +
wrong=$(fault "$ssl/cert.pem" "$ssl/key.pem")
if [ -z "$wrong" ]; then
  cp "$ssl/key.pem" "$active/key.pem.new"
  cp "$ssl/cert.pem" "$active/cert.pem.new"
  mv "$active/key.pem.new" "$active/key.pem"
  mv "$active/cert.pem.new" "$active/cert.pem"
elif [ -s "$active/cert.pem" ]; then
  echo "nginx: error: $wrong; the pair from before is served" >&2
else
  echo "nginx: error: $wrong; put a matching pair there, or remove both and one is made" >&2
  exit 1
fi

# For Prometheus. (In this form both GNU's date and Alpine's take it.)
expires=$(openssl x509 -in "$active/cert.pem" -noout -enddate -dateopt iso_8601)
expires=${expires#notAfter=}
cat >/tmp/certificate.prom <<METRICS
# HELP tls_certificate_not_after_timestamp_seconds Until when the certificate that nginx serves is valid, in seconds since 1970.
# TYPE tls_certificate_not_after_timestamp_seconds gauge
tls_certificate_not_after_timestamp_seconds $(date -u -d "${expires%Z}" +%s)
METRICS
chmod 0644 /tmp/certificate.prom

# https://host without a port where it is the usual one.
HTTPS_SUFFIX=; [ "$HTTPS_PORT" = 443 ] || HTTPS_SUFFIX=:$HTTPS_PORT
# The site, and this machine as it calls itself.
SERVED_HOSTS='localhost 127.0.0.1 [::1]'; [ "$SERVER_NAME" = localhost ] || SERVED_HOSTS="$SERVER_NAME $SERVED_HOSTS"
export HTTPS_SUFFIX SERVED_HOSTS
# Only these names: nginx's own variables look the same.
# shellcheck disable=SC2016
envsubst '${SERVER_NAME} ${SERVED_HOSTS} ${HTTPS_SUFFIX} ${APP_PORT} ${HTTP_MAX_BODY_BYTES} ${DEVNET_SUBNET}' </etc/nginx/default.conf.template >/tmp/default.conf
chmod 0644 /tmp/default.conf

exec nginx -g 'daemon off;'
