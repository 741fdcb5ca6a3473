# Kafka's and PostgreSQL's own metrics: into a store, and from there into Grafana, where Aiven puts
# dashboards for them.

resource "aiven_thanos" "this" {
  count = var.metrics ? 1 : 0

  project                 = var.project
  cloud_name              = var.cloud_name
  plan                    = var.metrics_plan
  service_name            = "${var.name_prefix}-metrics"
  termination_protection  = var.termination_protection
  maintenance_window_dow  = var.maintenance.day
  maintenance_window_time = var.maintenance.time

  thanos_user_config {
    ip_filter_string = var.ip_filter
  }

  dynamic "tag" {
    for_each = var.tags
    content {
      key   = tag.key
      value = tag.value
    }
  }
}

resource "aiven_service_integration" "kafka_metrics" {
  count = var.metrics ? 1 : 0

  project                  = var.project
  integration_type         = "metrics"
  source_service_name      = aiven_kafka.this.service_name
  destination_service_name = aiven_thanos.this[0].service_name
}

resource "aiven_service_integration" "postgresql_metrics" {
  count = var.metrics ? 1 : 0

  project                  = var.project
  integration_type         = "metrics"
  source_service_name      = aiven_pg.this.service_name
  destination_service_name = aiven_thanos.this[0].service_name
}

resource "aiven_service_integration" "grafana_metrics" {
  count = var.metrics ? 1 : 0

  project                  = var.project
  integration_type         = "dashboard"
  source_service_name      = aiven_grafana.this[0].service_name
  destination_service_name = aiven_thanos.this[0].service_name
}
