# Grafana, with PostgreSQL as a data source.

resource "aiven_grafana" "this" {
  count = var.grafana ? 1 : 0

  project                 = var.project
  cloud_name              = var.cloud_name
  plan                    = var.grafana_plan
  service_name            = "${var.name_prefix}-grafana"
  termination_protection  = var.termination_protection
  maintenance_window_dow  = var.maintenance.day
  maintenance_window_time = var.maintenance.time

  grafana_user_config {
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

# Aiven's direction is from the one who asks to the one who answers.
resource "aiven_service_integration" "grafana_postgresql" {
  count = var.grafana ? 1 : 0

  project                  = var.project
  integration_type         = "dashboard"
  source_service_name      = aiven_grafana.this[0].service_name
  destination_service_name = aiven_pg.this.service_name
}
