#!/bin/sh
# Starts a single KRaft node and brings its topics in line with TOPICS.
set -eu

# To add a topic, add it here and run `docker compose restart kafka`.
TOPICS="user.events auth.events transaction.events category.events system.events events.dead_letter"

bin=/opt/kafka/bin
data=/var/lib/kafka/data/kraft
config=/tmp/server.properties
ready=/tmp/topics-ready # one topic a line, written when all exist; the healthcheck reads it
bootstrap=localhost:$KAFKA_PORT

say() { echo "kafka: $*"; }

# Any variable of the image's own scheme would drop its default configuration, so the whole of it stands here.
cat >"$config" <<PROPERTIES
process.roles=broker,controller
node.id=$KAFKA_BROKER_ID
controller.quorum.voters=$KAFKA_BROKER_ID@localhost:$KAFKA_CONTROLLER_PORT
controller.listener.names=CONTROLLER
listeners=INTERNAL://:$KAFKA_PORT,HOST://:$KAFKA_HOST_PORT,CONTROLLER://localhost:$KAFKA_CONTROLLER_PORT
advertised.listeners=INTERNAL://$KAFKA_HOST:$KAFKA_PORT,HOST://localhost:$KAFKA_HOST_PORT
listener.security.protocol.map=INTERNAL:PLAINTEXT,HOST:PLAINTEXT,CONTROLLER:PLAINTEXT
inter.broker.listener.name=INTERNAL
log.dirs=$data
# A topic exists because TOPICS names it, never because someone misspelt one.
auto.create.topics.enable=false
num.partitions=$KAFKA_NUM_PARTITIONS
log.retention.hours=$KAFKA_LOG_RETENTION_HOURS
# One node: every internal topic has one copy.
default.replication.factor=1
min.insync.replicas=1
offsets.topic.replication.factor=1
offsets.topic.num.partitions=10
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
transaction.state.log.num.partitions=10
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
group.initial.rebalance.delay.ms=0
PROPERTIES

rm -f "$ready" # of the container's last run
export LOG_DIR=/tmp/kafka-logs
if [ -s "$data/meta.properties" ] && ! grep -q "^cluster.id=$KAFKA_CLUSTER_ID\$" "$data/meta.properties"; then
  echo "kafka: the volume belongs to cluster $(sed -n 's/^cluster.id=//p' "$data/meta.properties"), .env says" \
    "$KAFKA_CLUSTER_ID: set KAFKA_CLUSTER_ID back, or remove the volume kafkadata (its records are lost)" >&2
  exit 1
fi
"$bin/kafka-storage.sh" format --ignore-formatted --cluster-id "$KAFKA_CLUSTER_ID" --config "$config" >/tmp/format.log 2>&1 \
  || { cat /tmp/format.log >&2; exit 1; }

# Retention is the broker's setting, so a new value holds for old topics too; partitions are each topic's own.
reconcile_topics() {
  until described=$("$bin/kafka-topics.sh" --bootstrap-server "$bootstrap" --describe 2>/tmp/topics.log); do sleep 1; done
  for topic in $TOPICS; do
    have=$(printf '%s\n' "$described" | sed -n "s/^Topic: $topic\t.*PartitionCount: \([0-9]*\).*/\1/p")
    if [ -z "$have" ]; then
      "$bin/kafka-topics.sh" --bootstrap-server "$bootstrap" --create --if-not-exists --topic "$topic" \
        --partitions "$KAFKA_NUM_PARTITIONS" --replication-factor 1 >/tmp/topics.log 2>&1 || { cat /tmp/topics.log >&2; return 1; }
      say "created $topic with $KAFKA_NUM_PARTITIONS partitions"
    elif [ "$have" -lt "$KAFKA_NUM_PARTITIONS" ]; then
      raise_partitions "$topic" "$have" || return 1
    elif [ "$have" -gt "$KAFKA_NUM_PARTITIONS" ]; then
      say "$topic keeps its $have partitions: Kafka cannot take partitions away"
    fi
  done
  # shellcheck disable=SC2086 # one line a topic
  printf '%s\n' $TOPICS >"$ready.new"
  mv "$ready.new" "$ready"
  say "all topics exist"
}

# More partitions send a key to another one, which breaks the order of its records: only an empty topic may grow.
raise_partitions() {
  earliest=$("$bin/kafka-get-offsets.sh" --bootstrap-server "$bootstrap" --topic "$1" --time earliest) || return 1
  latest=$("$bin/kafka-get-offsets.sh" --bootstrap-server "$bootstrap" --topic "$1" --time latest) || return 1
  if [ "$earliest" != "$latest" ]; then
    say "$1 keeps its $2 partitions: it holds records, and more partitions would break the order per key (drain it first)"
    return 0
  fi
  "$bin/kafka-topics.sh" --bootstrap-server "$bootstrap" --alter --topic "$1" --partitions "$KAFKA_NUM_PARTITIONS" \
    >/tmp/topics.log 2>&1 || { cat /tmp/topics.log >&2; return 1; }
  say "raised $1 from $2 to $KAFKA_NUM_PARTITIONS partitions"
}

# In a subshell of its own, so that its end is reaped by the init process and not by the broker.
(
  # shellcheck disable=SC2030 # the broker's own is below
  export KAFKA_HEAP_OPTS=-Xmx128m
  until reconcile_topics; do sleep 2; done &
)

# For the broker only: it writes to standard output, where the tools' answers are.
export KAFKA_LOG4J_OPTS="-Dlog4j2.configurationFile=file:/etc/kafka/log4j2.properties"
# shellcheck disable=SC2031
export KAFKA_HEAP_OPTS="${KAFKA_HEAP_OPTS:--Xms256m -Xmx512m}"
# Without this the script also asks for a log of every garbage collection, which would fill the temporary file system.
export EXTRA_ARGS="-name kafkaServer"
# For the broker only: a tool with the agent could not have the port.
export KAFKA_OPTS="${KAFKA_OPTS:-} -javaagent:/opt/jmx_prometheus_javaagent.jar=9404:/etc/kafka/jmx.yml"
exec "$bin/kafka-server-start.sh" "$config"
