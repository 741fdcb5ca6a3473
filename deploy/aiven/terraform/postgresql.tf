# PostgreSQL, and in it the table that the sink writes to.

resource "aiven_pg" "this" {
  project                 = var.project
  cloud_name              = var.cloud_name
  plan                    = var.postgresql_plan
  service_name            = "${var.name_prefix}-postgresql"
  termination_protection  = var.termination_protection
  maintenance_window_dow  = var.maintenance.day
  maintenance_window_time = var.maintenance.time

  pg_user_config {
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

# The provider makes databases and users, but no tables, so psql does, from this machine. Again
# whenever the text changes, which is harmless; what it does not do is to alter a table that is there.
resource "terraform_data" "table" {
  count = var.make_table ? 1 : 0

  triggers_replace = [
    aiven_pg.this.id,
    filesha256("${local.repository}/schemas/postgresql.sql"),
  ]

  provisioner "local-exec" {
    command = "sh ../make-table.sh"
    # The module's folder, wherever terraform was started.
    working_dir = path.module
    environment = {
      PGHOST     = aiven_pg.this.service_host
      PGPORT     = aiven_pg.this.service_port
      PGUSER     = aiven_pg.this.service_username
      PGPASSWORD = aiven_pg.this.service_password
      PGDATABASE = "defaultdb"
      PGSSLMODE  = "require"
    }
  }
}
