# The sink from the topic into the table, in the Kafka service's own Connect.

locals {
  # The same file is used with avn, where envsubst fills it in.
  sink = jsondecode(templatefile("${path.module}/../postgresql-sink.json", {
    REGISTRY_URL        = local.registry_address
    REGISTRY_USER       = aiven_kafka.this.service_username
    REGISTRY_PASSWORD   = aiven_kafka.this.service_password
    POSTGRESQL_HOST     = aiven_pg.this.service_host
    POSTGRESQL_PORT     = aiven_pg.this.service_port
    POSTGRESQL_USER     = aiven_pg.this.service_username
    POSTGRESQL_PASSWORD = aiven_pg.this.service_password
  }))
}

resource "aiven_kafka_connector" "postgresql_sink" {
  project        = var.project
  service_name   = aiven_kafka.this.service_name
  connector_name = local.sink.name
  config         = local.sink

  # It fails without the table, and what it reads before the schema is there are dead letters.
  depends_on = [
    aiven_kafka_topic.button_presses,
    aiven_kafka_topic.dead_letters,
    aiven_kafka_schema.button_presses,
    terraform_data.table,
  ]
}
