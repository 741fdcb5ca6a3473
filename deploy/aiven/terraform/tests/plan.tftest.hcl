# What is planned, without an account: the provider is mocked, nothing is made.
#   terraform init && terraform test

mock_provider "aiven" {
  mock_resource "aiven_kafka" {
    defaults = {
      service_host     = "kafka.example.com"
      service_port     = 12345
      service_username = "avnadmin"
      service_password = "admin-secret"
      components = [
        {
          component                   = "kafka"
          connection_uri              = ""
          host                        = "kafka.example.com"
          kafka_authentication_method = "certificate"
          kafka_ssl_ca                = "project_ca"
          port                        = 12345
          route                       = "dynamic"
          ssl                         = true
          usage                       = "primary"
        },
        {
          component                   = "schema_registry"
          connection_uri              = ""
          host                        = "registry.example.com"
          kafka_authentication_method = ""
          kafka_ssl_ca                = ""
          port                        = 12346
          route                       = "dynamic"
          ssl                         = true
          usage                       = "primary"
        },
        {
          component                   = "schema_registry"
          connection_uri              = ""
          host                        = "public-registry.example.com"
          kafka_authentication_method = ""
          kafka_ssl_ca                = ""
          port                        = 12346
          route                       = "public"
          ssl                         = true
          usage                       = "primary"
        },
      ]
    }
  }
  mock_resource "aiven_kafka_user" {
    defaults = {
      password    = "relay-secret"
      access_cert = "certificate"
      access_key  = "key"
    }
  }
  mock_resource "aiven_pg" {
    defaults = {
      service_host     = "postgresql.example.com"
      service_port     = 12347
      service_username = "avnadmin"
      service_password = "table-secret"
    }
  }
  mock_resource "aiven_clickhouse" {
    defaults = {
      components = [
        {
          component                   = "clickhouse"
          connection_uri              = ""
          host                        = "clickhouse.example.com"
          kafka_authentication_method = ""
          kafka_ssl_ca                = ""
          port                        = 12348
          route                       = "dynamic"
          ssl                         = true
          usage                       = "primary"
        },
      ]
    }
  }
}

variables {
  project    = "test-project"
  make_table = false
}

run "everything" {
  assert {
    condition     = aiven_kafka_topic.button_presses.partitions == 3 && aiven_kafka_topic.button_presses.replication == 2
    error_message = "The topic has three partitions on two brokers."
  }
  assert {
    condition     = aiven_kafka_topic.button_presses.config[0].remote_storage_enable && aiven_kafka_topic.button_presses.config[0].segment_ms == "600000"
    error_message = "Closed segments move to the remote tier, and a quiet topic closes them."
  }
  assert {
    condition     = aiven_kafka.this.kafka_user_config[0].kafka[0].auto_create_topics_enable == false && aiven_kafka.this.kafka_user_config[0].kafka_rest == false
    error_message = "Topics do not come up by themselves, and Kafka is not spoken to over HTTP."
  }
  assert {
    condition     = aiven_kafka_schema.button_presses.schema == file("../../../schemas/button_presses.avsc") && aiven_kafka_schema.button_presses.subject_name == "button_presses-value"
    error_message = "The schema is the repository's, byte for byte."
  }
  assert {
    condition     = nonsensitive(aiven_kafka_connector.postgresql_sink.config["value.converter.schema.registry.url"]) == "https://registry.example.com:12346"
    error_message = "The sink asks the registry in its own network."
  }
  assert {
    condition     = nonsensitive(aiven_kafka_connector.postgresql_sink.config["value.converter.schema.registry.basic.auth.user.info"]) == "avnadmin:admin-secret"
    error_message = "The sink has the registry's user and password."
  }
  assert {
    condition     = nonsensitive(aiven_kafka_connector.postgresql_sink.config["connection.url"]) == "jdbc:postgresql://postgresql.example.com:12347/defaultdb?sslmode=require"
    error_message = "The sink writes over TLS."
  }
  assert {
    condition     = length(aiven_service_integration.clickhouse_kafka[0].clickhouse_kafka_user_config[0].tables[0].columns) == 12
    error_message = "ClickHouse reads all fields."
  }
  assert {
    condition     = nonsensitive(output.schema_registry_uri) == "https://relay:relay-secret@registry.example.com:12346"
    error_message = "The relay has a user of its own."
  }
  assert {
    condition     = aiven_kafka_acl.relay.topic == "button_presses" && aiven_kafka_acl.relay.permission == "readwrite" && aiven_kafka_schema_registry_acl.relay.resource == "Subject:button_presses-value"
    error_message = "The relay may use its topic and its subject."
  }
  assert {
    condition     = output.kafka_service_uri == "kafka.example.com:12345"
    error_message = "Kafka's address is host:port."
  }
  assert {
    condition     = output.clickhouse_kafka_table == "`service_button-kafka`.`button_presses_kafka`"
    error_message = "The integration's database is called after the Kafka service."
  }
  assert {
    condition     = output.services == tolist(["button-kafka", "button-postgresql", "button-clickhouse", "button-grafana", "button-metrics"])
    error_message = "All services are named, to be powered off together."
  }
  assert {
    condition     = alltrue([aiven_kafka.this.termination_protection, aiven_pg.this.termination_protection])
    error_message = "What holds data is protected by default."
  }
}

run "services_take_connections_from_the_named_networks" {
  variables {
    ip_filter = ["203.0.113.7/32", "2001:db8::/48"]
  }
  assert {
    condition = alltrue([
      for config in [
        aiven_kafka.this.kafka_user_config,
        aiven_pg.this.pg_user_config,
        aiven_clickhouse.this[0].clickhouse_user_config,
        aiven_grafana.this[0].grafana_user_config,
        aiven_thanos.this[0].thanos_user_config,
      ] : toset(config[0].ip_filter_string) == toset(["203.0.113.7/32", "2001:db8::/48"])
    ])
    error_message = "Every service has the filter."
  }
}

run "only_kafka_and_postgresql" {
  variables {
    clickhouse = false
    grafana    = false
    metrics    = false
  }
  assert {
    condition     = output.services == tolist(["button-kafka", "button-postgresql"]) && output.clickhouse == null && output.grafana_uri == null
    error_message = "The rest can be left out."
  }
}

run "mistakes_are_refused" {
  command = plan
  variables {
    project           = "Not A Project"
    cloud_name        = "google"
    name_prefix       = "Button"
    kafka_plan        = "startup-2"
    postgresql_plan   = "hobbyist"
    grafana           = false
    topic_replication = 1
    segment_ms        = 1000
    compatibility     = "full"
    maintenance       = { day = "Sunday", time = "3:00" }
    ip_filter         = ["203.0.113.7"]
  }
  expect_failures = [
    var.project,
    var.cloud_name,
    var.name_prefix,
    var.kafka_plan,
    var.postgresql_plan,
    var.metrics,
    var.topic_replication,
    var.segment_ms,
    var.compatibility,
    var.maintenance,
    var.ip_filter,
  ]
}
