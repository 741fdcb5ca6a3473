//! Columns that a store of an earlier version lacks.

use rusqlite::Connection;
use schemas::sql;

/// Adds them. What is there stays as it is: events of then have null in the columns of now.
pub(super) fn add_missing(connection: &Connection) -> rusqlite::Result<()> {
    let model = Connection::open_in_memory()?;
    model.execute_batch(sql::SQLITE)?;
    let there: Vec<_> = columns(connection)?.into_iter().map(|column| column.name).collect();
    for Column { name, kind } in columns(&model)?.into_iter().filter(|c| !there.contains(&c.name)) {
        connection
            .execute_batch(&format!(r#"ALTER TABLE button_presses ADD COLUMN "{name}" {kind}"#))?;
        tracing::info!("the store has the column {name} now");
    }
    Ok(())
}

struct Column {
    name: String,
    kind: String,
}

fn columns(connection: &Connection) -> rusqlite::Result<Vec<Column>> {
    let mut select =
        connection.prepare("SELECT name, type FROM pragma_table_info('button_presses')")?;
    let columns = select
        .query_map([], |row| Ok(Column { name: row.get("name")?, kind: row.get("type")? }))?;
    columns.collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_store_of_an_earlier_version_gets_its_new_columns() {
        let old = Connection::open_in_memory().unwrap();
        let lacking = |line: &&str| !line.contains("longitude") && !line.contains("cohort");
        let earlier: Vec<_> = sql::SQLITE.lines().filter(lacking).collect();
        old.execute_batch(&earlier.join("\n")).unwrap();
        let insert = "INSERT INTO button_presses (session_id, timestamp, action, count, \
                      country_name, country_code, received_at) VALUES ('a', 1, 'b', 0, 'c', '--', 2)";
        old.execute_batch(insert).unwrap();
        add_missing(&old).unwrap();
        add_missing(&old).unwrap();
        let select = "SELECT longitude IS NULL AND cohort IS NULL FROM button_presses";
        assert!(old.query_row(select, [], |row| row.get::<_, bool>(0)).unwrap());
        let kinds = columns(&old).unwrap();
        let kind =
            |name: &str| kinds.iter().find(|column| column.name == name).unwrap().kind.clone();
        assert_eq!([kind("longitude"), kind("cohort")], ["REAL", "INTEGER"]);
    }
}
