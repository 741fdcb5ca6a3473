# ClickHouse, and its integration with Kafka: a table of ClickHouse's Kafka engine in the database
# service_<name of the Kafka service>. The table that keeps the rows and the view that moves them there
# are SQL: see the README.

locals {
  # The same file is used with avn.
  clickhouse_kafka = jsondecode(file("${path.module}/../clickhouse-kafka.json"))
}

resource "aiven_clickhouse" "this" {
  count = var.clickhouse ? 1 : 0

  project                 = var.project
  cloud_name              = var.cloud_name
  plan                    = var.clickhouse_plan
  service_name            = "${var.name_prefix}-clickhouse"
  termination_protection  = var.termination_protection
  maintenance_window_dow  = var.maintenance.day
  maintenance_window_time = var.maintenance.time

  clickhouse_user_config {
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

resource "aiven_service_integration" "clickhouse_kafka" {
  count = var.clickhouse ? 1 : 0

  project                  = var.project
  integration_type         = "clickhouse_kafka"
  source_service_name      = aiven_kafka.this.service_name
  destination_service_name = aiven_clickhouse.this[0].service_name

  clickhouse_kafka_user_config {
    dynamic "tables" {
      for_each = local.clickhouse_kafka.tables
      iterator = table
      content {
        name              = table.value.name
        group_name        = table.value.group_name
        data_format       = table.value.data_format
        auto_offset_reset = table.value.auto_offset_reset
        num_consumers     = table.value.num_consumers
        # What cannot be read becomes a row with the reason, instead of blocking the topic.
        handle_error_mode = table.value.handle_error_mode

        dynamic "topics" {
          for_each = table.value.topics
          content {
            name = topics.value.name
          }
        }

        dynamic "columns" {
          for_each = table.value.columns
          content {
            name = columns.value.name
            type = columns.value.type
          }
        }
      }
    }
  }

  # ClickHouse asks for both as soon as the table is there.
  depends_on = [
    aiven_kafka_topic.button_presses,
    aiven_kafka_schema.button_presses,
  ]
}
