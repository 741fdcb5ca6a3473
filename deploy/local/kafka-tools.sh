# Kafka's own tools as the local stack has downloaded them, under their usual names and with the local
# Kafka's address: `. deploy/local/kafka-tools.sh` in bash or zsh, after `cargo xtask stack up`.

. data/stack/env

kafka_tool() {
  java -cp "$(echo "${KAFKA_BUTTON_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/kafka-button}"/stack/kafka-*/kafka)/*" "$@"
}
kafka_client() {
  kafka_tool "$1" --bootstrap-server "$KAFKA_SERVICE_URI" "${@:2}"
}

kafka-topics() { kafka_client org.apache.kafka.tools.TopicCommand "$@"; }
kafka-configs() { kafka_client kafka.admin.ConfigCommand "$@"; }
kafka-console-consumer() { kafka_client org.apache.kafka.tools.consumer.ConsoleConsumer "$@"; }
kafka-console-producer() { kafka_client org.apache.kafka.tools.ConsoleProducer "$@"; }
kafka-consumer-groups() { kafka_client org.apache.kafka.tools.consumer.group.ConsumerGroupCommand "$@"; }
kafka-get-offsets() { kafka_client org.apache.kafka.tools.GetOffsetShell "$@"; }
kafka-log-dirs() { kafka_client org.apache.kafka.tools.LogDirsCommand "$@"; }
# Reads files, and asks nobody.
kafka-dump-log() { kafka_tool org.apache.kafka.tools.DumpLogSegments "$@"; }
