# One stand for a few days, as cheap as it gets with everything that there is to show:
#   terraform apply -var-file=stand.tfvars -var project=…
#
# Kafka stays business-4: smaller ones have no Kafka Connect. PostgreSQL has no standby, and whatever
# is there may be deleted when the stand is over.

postgresql_plan = "startup-4"
clickhouse_plan = "startup-16"
grafana_plan    = "startup-1"
metrics_plan    = "startup-4"

termination_protection = false

# One can watch messages move to the remote tier.
segment_ms         = 60000
local_retention_ms = 300000

tags = {
  app = "kafka-button"
  use = "stand"
}
