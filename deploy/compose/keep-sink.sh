#!/bin/sh
# Gives Kafka Connect the configuration of the sink, and starts the sink again whenever it has failed:
# Connect does not do that by itself, and a connection to the database that breaks at a bad moment is
# enough. A failed sink has lost nothing: it goes on where it was. Only the registry must be there:
# without it a sink that starts sends all to the dead letters.
#
# Needs curl, and the addresses and the password in the environment.
#
#   keep-sink.sh CONNECT_URL CONFIGURATION_FILE
set -eu

sink=$1/connectors/postgresql-sink

# Connect's answer says what is wrong; when nothing is, it holds the password.
sed -e "s|{{registry_url}}|$REGISTRY_URL|" \
    -e "s|{{postgresql_url}}|$POSTGRESQL_URL|" \
    -e "s|{{postgresql_user}}|$POSTGRESQL_USER|" \
    -e "s|{{postgresql_password}}|$POSTGRESQL_PASSWORD|" "$2" |
  curl --fail-with-body --silent --show-error --request PUT \
    --header 'Content-Type: application/json' --data-binary @- "$sink/config" >/tmp/answer ||
  { cat /tmp/answer >&2; exit 1; }

while sleep 10; do
  if curl --silent "$sink/status" | grep -q '"state":"FAILED"' &&
    curl --silent --fail --output /dev/null "$REGISTRY_URL/system/info"; then
    echo "The sink has failed; starting it again."
    curl --silent --output /dev/null --request POST \
      "$sink/restart?includeTasks=true&onlyFailed=true" || true
  fi
done
