# What differs from one stand to the next. Only `project` has to be said.

variable "project" {
  description = "Name of the Aiven project, which has to be there already."
  type        = string

  validation {
    condition     = can(regex("^[a-z][-a-z0-9]{0,62}$", var.project))
    error_message = "A project's name is lowercase letters, digits and hyphens, as the console shows it."
  }
}

variable "cloud_name" {
  description = "Cloud and region of all services, as in google-europe-west1 or aws-eu-central-1 (`avn cloud list`). Near the stand is good, near the relay better."
  type        = string
  default     = "google-europe-west1"

  validation {
    condition     = can(regex("^[a-z]+-[-a-z0-9]+$", var.cloud_name))
    error_message = "A cloud's name is its provider, a hyphen and the region: google-europe-west1."
  }
}

variable "name_prefix" {
  description = "What the names of all services begin with. They cannot be renamed, and are part of their addresses."
  type        = string
  default     = "button"

  validation {
    # Aiven allows 63 characters; the longest that comes behind it is -clickhouse.
    condition     = can(regex("^[a-z][-a-z0-9]{0,51}$", var.name_prefix))
    error_message = "The prefix is at most 52 lowercase letters, digits and hyphens, and begins with a letter."
  }
}

variable "kafka_plan" {
  description = "Plan of Kafka. Kafka Connect and tiered storage need a business plan or larger."
  type        = string
  default     = "business-4"

  validation {
    condition     = can(regex("^(business|premium)-[0-9]+[a-z0-9-]*$", var.kafka_plan))
    error_message = "Kafka Connect in the Kafka service needs a business or premium plan."
  }
}

variable "postgresql_plan" {
  description = "Plan of PostgreSQL. business-* has a standby, startup-* has none, both have backups; hobbyist takes no integrations."
  type        = string
  default     = "business-4"

  validation {
    condition     = can(regex("^(startup|business|premium)-[0-9]+[a-z0-9-]*$", var.postgresql_plan))
    error_message = "PostgreSQL needs a startup, business or premium plan: others take no integrations."
  }
}

variable "clickhouse" {
  description = "Whether to have ClickHouse beside PostgreSQL."
  type        = bool
  default     = true
}

variable "clickhouse_plan" {
  description = "Plan of ClickHouse. startup-* is one node, business-* three."
  type        = string
  default     = "startup-16"

  validation {
    condition     = can(regex("^(startup|business|premium)-[a-z0-9-]+$", var.clickhouse_plan))
    error_message = "ClickHouse needs a startup, business or premium plan: others take no integrations."
  }
}

variable "grafana" {
  description = "Whether to have Grafana, with PostgreSQL as a data source."
  type        = bool
  default     = true
}

variable "grafana_plan" {
  description = "Plan of Grafana."
  type        = string
  default     = "startup-1"

  validation {
    condition     = can(regex("^(startup|business|premium)-[0-9]+[a-z0-9-]*$", var.grafana_plan))
    error_message = "A plan's name is like startup-1."
  }
}

variable "metrics" {
  description = "Whether to keep Kafka's and PostgreSQL's own metrics (Aiven for Metrics, which is Thanos) and show them in Grafana."
  type        = bool
  default     = true

  validation {
    condition     = var.grafana || !var.metrics
    error_message = "Metrics are shown in Grafana: set grafana = true, or metrics = false."
  }
}

variable "metrics_plan" {
  description = "Plan of the metrics store."
  type        = string
  default     = "startup-4"

  validation {
    condition     = can(regex("^(startup|business|premium)-[0-9]+[a-z0-9-]*$", var.metrics_plan))
    error_message = "A plan's name is like startup-4."
  }
}

variable "termination_protection" {
  description = "Whether services are protected against deletion and powering off. Say false, and apply, before `terraform destroy`."
  type        = bool
  default     = true
}

variable "maintenance" {
  description = "When Aiven may apply updates that restart nodes: day of the week, and time in UTC as HH:MM:SS. Not while the stand is open."
  type = object({
    day  = string
    time = string
  })
  default = {
    day  = "sunday"
    time = "03:00:00"
  }

  validation {
    condition     = contains(["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"], var.maintenance.day)
    error_message = "The day is monday, tuesday and so on."
  }
  validation {
    condition     = can(regex("^([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]$", var.maintenance.time))
    error_message = "The time is HH:MM:SS in UTC."
  }
}

variable "ip_filter" {
  description = "Networks from which the services take connections, in CIDR notation: those of the relay, of this machine, and of those who look at Grafana. By default all, as at Aiven."
  type        = list(string)
  default     = ["0.0.0.0/0", "::/0"]

  validation {
    condition     = length(var.ip_filter) > 0 && alltrue([for network in var.ip_filter : can(cidrhost(network, 0))])
    error_message = "Networks are like 203.0.113.7/32 or 2001:db8::/48, and there is at least one."
  }
}

variable "tags" {
  description = "Tags of all services, for the bill and for `avn service list`."
  type        = map(string)
  default     = { app = "kafka-button" }

  validation {
    condition     = alltrue([for key, value in var.tags : can(regex("^[a-z][-_a-zA-Z0-9]{0,63}$", key)) && length(value) <= 64])
    error_message = "A tag's key begins with a letter; key and value have at most 64 characters."
  }
}

variable "topic_replication" {
  description = "On how many brokers each message is."
  type        = number
  default     = 2

  validation {
    condition     = var.topic_replication >= 2 && var.topic_replication <= 3
    error_message = "Aiven wants at least 2 replicas, and business plans have 3 brokers."
  }
}

variable "segment_ms" {
  description = "After how many milliseconds a segment is closed by the next message, however small it is. Only closed segments move to the remote tier: with Kafka's default, a week, a stand would be over before."
  type        = number
  default     = 600000 # ten minutes

  validation {
    condition     = var.segment_ms >= 60000 && var.segment_ms <= 604800000 && floor(var.segment_ms) == var.segment_ms
    error_message = "Between a minute (60000) and a week (604800000): below, there would be more files than messages."
  }
}

variable "local_retention_ms" {
  description = "How many milliseconds a segment stays on the brokers after it was closed, if it is in the remote tier by then."
  type        = number
  default     = 3600000 # an hour

  validation {
    condition     = var.local_retention_ms >= 60000 && floor(var.local_retention_ms) == var.local_retention_ms
    error_message = "At least a minute (60000)."
  }
}

variable "compatibility" {
  description = "Which schemas the registry takes on the subject after this one: FULL takes those that old and new readers understand."
  type        = string
  default     = "FULL"

  validation {
    condition     = contains(["BACKWARD", "BACKWARD_TRANSITIVE", "FORWARD", "FORWARD_TRANSITIVE", "FULL", "FULL_TRANSITIVE", "NONE"], var.compatibility)
    error_message = "One of BACKWARD, FORWARD, FULL, each also with _TRANSITIVE, or NONE."
  }
}

variable "make_table" {
  description = "Whether this machine makes PostgreSQL's table, with psql and schemas/postgresql.sql. If not, run deploy/aiven/make-table.sh yourself, then restart the sink."
  type        = bool
  default     = true
}
