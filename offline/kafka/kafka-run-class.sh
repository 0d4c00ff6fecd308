#!/bin/sh
# Runs a class of Kafka's libraries, reading the same variables as the script of this name in the official distribution.
set -eu
here=$(dirname "$0")
# shellcheck disable=SC2086 # options are words, as everywhere in Kafka
exec java ${KAFKA_HEAP_OPTS:--Xmx256m} ${KAFKA_JVM_PERFORMANCE_OPTS:--XX:+UseSerialGC -XX:TieredStopAtLevel=1} \
  ${KAFKA_LOG4J_OPTS:--Dlog4j2.level=WARN} ${KAFKA_OPTS:-} -cp "$here/../libs/*" "$@"
