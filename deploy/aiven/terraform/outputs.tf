# What others need of it. `cargo xtask aiven env` makes the relay's variables and certificates of the
# first ones; it knows them by these names.

output "kafka_service_uri" {
  description = "Kafka's bootstrap server for clients with a certificate, as host:port."
  value       = "${aiven_kafka.this.service_host}:${aiven_kafka.this.service_port}"
}

output "schema_registry_uri" {
  description = "The schema registry, with the relay's user and password."
  value       = "https://${aiven_kafka_user.relay.username}:${aiven_kafka_user.relay.password}@${local.registry.host}:${local.registry.port}"
  sensitive   = true
}

output "kafka_ca" {
  description = "The CA that signs Kafka's certificates (ca.pem)."
  value       = data.aiven_project.this.ca_cert
  sensitive   = true
}

output "kafka_access_cert" {
  description = "The relay's certificate (service.cert)."
  value       = aiven_kafka_user.relay.access_cert
  sensitive   = true
}

output "kafka_access_key" {
  description = "The relay's private key (service.key)."
  value       = aiven_kafka_user.relay.access_key
  sensitive   = true
}

output "postgresql_uri" {
  description = "PostgreSQL's address with user and password, for psql."
  value       = aiven_pg.this.service_uri
  sensitive   = true
}

output "clickhouse" {
  description = "ClickHouse's address and user, for clickhouse-client; null without ClickHouse."
  value = var.clickhouse ? {
    # service_host and service_port are those of HTTPS; the client speaks ClickHouse's own protocol.
    host = one([for part in aiven_clickhouse.this[0].components : part.host if part.component == "clickhouse" && part.route == "dynamic"])
    port = one([for part in aiven_clickhouse.this[0].components : part.port if part.component == "clickhouse" && part.route == "dynamic"])
    user = aiven_clickhouse.this[0].service_username
  } : null
}

output "clickhouse_password" {
  description = "The password of ClickHouse's user; null without ClickHouse."
  value       = var.clickhouse ? aiven_clickhouse.this[0].service_password : null
  sensitive   = true
}

output "clickhouse_kafka_table" {
  description = "The table of ClickHouse's Kafka engine, from which the materialised view reads; null without ClickHouse."
  value       = var.clickhouse ? "`service_${aiven_kafka.this.service_name}`.`${local.clickhouse_kafka.tables[0].name}`" : null
}

output "grafana_uri" {
  description = "Grafana's address; null without Grafana. Its user is avnadmin."
  value       = var.grafana ? "https://${aiven_grafana.this[0].service_host}" : null
}

output "grafana_password" {
  description = "The password of Grafana's user avnadmin; null without Grafana."
  value       = var.grafana ? aiven_grafana.this[0].service_password : null
  sensitive   = true
}

output "services" {
  description = "Names of all services, for avn: to power them off and on."
  value = compact([
    aiven_kafka.this.service_name,
    aiven_pg.this.service_name,
    one(aiven_clickhouse.this[*].service_name),
    one(aiven_grafana.this[*].service_name),
    one(aiven_thanos.this[*].service_name),
  ])
}
