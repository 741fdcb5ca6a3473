-- The topic as a table of your own ClickHouse, for clickhouse.sql, which comes next. Put your Kafka's
-- address for {{kafka}} and the registry's for {{registry}}; a user and a password for the registry
-- go into the address, as https://user:password@host:port.
CREATE TABLE IF NOT EXISTS button_presses_kafka
(
    session_id       UUID,
    timestamp        DateTime64(6, 'UTC'),
    action           LowCardinality(String),
    count            UInt64,
    country_name     LowCardinality(String),
    country_code     LowCardinality(String),
    subdivision_name LowCardinality(Nullable(String)),
    subdivision_code LowCardinality(Nullable(String)),
    city_name        LowCardinality(Nullable(String)),
    latitude         Nullable(Float64),
    longitude        Nullable(Float64),
    cohort           Nullable(Int32)
)
ENGINE = Kafka
SETTINGS
    kafka_broker_list = '{{kafka}}',
    kafka_topic_list = 'button_presses',
    kafka_group_name = 'clickhouse-button-presses',
    kafka_format = 'AvroConfluent',
    format_avro_schema_registry_url = '{{registry}}',
    -- As many as the topic has partitions, at most.
    kafka_num_consumers = 1,
    -- A message that cannot be read goes to button_presses_unreadable, instead of blocking the topic.
    kafka_handle_error_mode = 'stream';
