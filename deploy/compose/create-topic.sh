#!/bin/sh
# Makes the topic button_presses from its properties file; one that is there already stays as it is.
# Needs kafka-topics.sh, from the path or where Kafka's image has it.
#
#   create-topic.sh BOOTSTRAP_SERVER PROPERTIES_FILE
set -eu
PATH=$PATH:/opt/kafka/bin

partitions=$(sed -n 's/^partitions=//p' "$2")
# Every other setting becomes `--config name=value`; no value has a space in it.
settings=$(sed -n -e '/^partitions=/d' -e 's/^[a-z.]*=/--config &/p' "$2")

# shellcheck disable=SC2086 # The settings are many words.
exec kafka-topics.sh --bootstrap-server "$1" --create --if-not-exists --topic button_presses \
  --replication-factor 1 --partitions "$partitions" $settings
