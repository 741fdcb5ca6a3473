-- Grafana's user: it reads everything and changes nothing.
CREATE ROLE reader LOGIN PASSWORD 'reader';
GRANT pg_read_all_data TO reader;
