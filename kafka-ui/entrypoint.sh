#!/bin/sh
# Kafka UI under /kafka on port 8080, behind a sign-in form, for the stack's one cluster.
set -eu

export SERVER_PORT=8080 SERVER_SERVLET_CONTEXT_PATH=/kafka

export KAFKA_CLUSTERS_0_NAME="$KAFKA_UI_CLUSTER_NAME"
export KAFKA_CLUSTERS_0_BOOTSTRAPSERVERS="$KAFKA_HOST:$KAFKA_PORT"

password=${KAFKA_UI_PASSWORD-$(cat "$KAFKA_UI_PASSWORD_FILE")}
: "${KAFKA_UI_USER:?is missing}" "${password:?KAFKA_UI_PASSWORD is empty}"
export AUTH_TYPE=LOGIN_FORM SPRING_SECURITY_USER_NAME="$KAFKA_UI_USER"
# {noop} says that this is the password itself; without it Spring would take one that begins with {...} for a hash.
export SPRING_SECURITY_USER_PASSWORD="{noop}$password"
unset KAFKA_UI_PASSWORD

# At DEBUG, the image's own choice, every refresh of the cluster fills the log.
export LOGGING_LEVEL_IO_KAFBAT_UI=INFO

# The image's one jar; its name changed between releases. --add-opens: as in the image's own command.
set -- /*.jar
# JAVA_OPTS is several words on purpose.
# shellcheck disable=SC2086
exec java -XX:MaxRAMPercentage=60 --add-opens java.rmi/javax.rmi.ssl=ALL-UNNAMED ${JAVA_OPTS-} -jar "$1"
