#!/bin/sh
# Makes the table and its view in PostgreSQL, from schemas/postgresql.sql. The address comes from
# psql's own variables (PGHOST, PGPORT, PGUSER, PGPASSWORD, PGDATABASE, PGSSLMODE), or as one
# address in the first argument. Running it again is harmless.
set -eu
schema=$(dirname "$0")/../../schemas/postgresql.sql

if ! command -v psql >/dev/null; then
  echo "psql is missing; it is in PostgreSQL's client package (postgresql-client, libpq)" >&2
  exit 1
fi
# Neither a prompt for a password nor a server that swallows packets shall stop this for ever.
export PGCONNECT_TIMEOUT="${PGCONNECT_TIMEOUT:-10}"
run() {
  psql --no-psqlrc --no-password --quiet --set ON_ERROR_STOP=1 "$@"
}

# A new service's name takes a while until it is known everywhere.
tries=30
until error=$(run --command 'select 1' ${1:+"$1"} 2>&1 >/dev/null); do
  tries=$((tries - 1))
  if [ "$tries" -le 0 ]; then
    echo "PostgreSQL does not answer: $error" >&2
    exit 1
  fi
  sleep "${MAKE_TABLE_PAUSE:-10}"
done
# All or nothing.
run --single-transaction --file "$schema" ${1:+"$1"}
