# Kafka with Connect, the schema registry and tiered storage, the topic, its schema, and the user that
# the relay connects as.

locals {
  repository = "${path.module}/../../.."
  topic      = "button_presses"

  # The local stack makes its topic from the same file.
  partitions = tonumber(regex("(?m)^partitions=([0-9]+)$", file("${local.repository}/deploy/topics/button_presses.properties"))[0])
}

# Its CA signs Kafka's certificates.
data "aiven_project" "this" {
  project = var.project
}

resource "aiven_kafka" "this" {
  project                 = var.project
  cloud_name              = var.cloud_name
  plan                    = var.kafka_plan
  service_name            = "${var.name_prefix}-kafka"
  termination_protection  = var.termination_protection
  maintenance_window_dow  = var.maintenance.day
  maintenance_window_time = var.maintenance.time

  kafka_user_config {
    kafka_connect   = true
    schema_registry = true
    # Nothing here speaks to Kafka over HTTP, so nobody else shall.
    kafka_rest       = false
    ip_filter_string = var.ip_filter

    tiered_storage {
      enabled = true
    }

    kafka {
      # A misspelt name shall be an error and not a new topic with other settings.
      auto_create_topics_enable = false
    }
  }

  dynamic "tag" {
    for_each = var.tags
    content {
      key   = tag.key
      value = tag.value
    }
  }
}

resource "aiven_kafka_topic" "button_presses" {
  project      = var.project
  service_name = aiven_kafka.this.service_name
  topic_name   = local.topic
  partitions   = local.partitions
  replication  = var.topic_replication

  config {
    cleanup_policy = "delete" # compacted topics cannot have a remote tier
    # Kept for ever, in the remote tier.
    retention_ms          = "-1"
    remote_storage_enable = true
    local_retention_ms    = tostring(var.local_retention_ms)
    segment_ms            = tostring(var.segment_ms)
    # With 2 replicas, 2 would stop all writing whenever one broker is restarted. The relay waits for
    # all that are in sync anyway.
    min_insync_replicas = "1"
  }
}

# What the sink cannot decode, with the reason in its headers. It is made here because topics do not
# come up by themselves.
resource "aiven_kafka_topic" "dead_letters" {
  project      = var.project
  service_name = aiven_kafka.this.service_name
  topic_name   = "${local.topic}-dead-letters"
  partitions   = 1
  replication  = var.topic_replication

  config {
    retention_ms          = "-1"
    remote_storage_enable = false
  }
}

# The relay registers the same text when it starts, which changes nothing then.
resource "aiven_kafka_schema" "button_presses" {
  project             = var.project
  service_name        = aiven_kafka.this.service_name
  subject_name        = "${local.topic}-value"
  schema              = file("${local.repository}/schemas/button_presses.avsc")
  compatibility_level = var.compatibility
}

# A user of its own, who may do no more than it needs, and whose certificate can be replaced without
# touching Connect or ClickHouse.
resource "aiven_kafka_user" "relay" {
  project      = var.project
  service_name = aiven_kafka.this.service_name
  username     = "relay"
}

# It produces, and consumes for the live numbers; so do the tools, `button tail` and the like.
resource "aiven_kafka_acl" "relay" {
  project      = var.project
  service_name = aiven_kafka.this.service_name
  username     = aiven_kafka_user.relay.username
  topic        = aiven_kafka_topic.button_presses.topic_name
  permission   = "readwrite"
}

# The registry has a list of its own, and answers 401 to whom it does not know. Reading is included.
resource "aiven_kafka_schema_registry_acl" "relay" {
  project      = var.project
  service_name = aiven_kafka.this.service_name
  username     = aiven_kafka_user.relay.username
  resource     = "Subject:${local.topic}-value"
  permission   = "schema_registry_write"
}

locals {
  registry = one([
    for component in aiven_kafka.this.components : component
    if component.component == "schema_registry" && component.route == "dynamic"
  ])
  registry_address = "https://${local.registry.host}:${local.registry.port}"
}
