//! What Grafana does to a statement before PostgreSQL gets it, as its documentation of the data source
//! says (`$__timeFilter(column)` and the like), and nothing more: an unknown macro fails the test.

/// What is chosen at the top of the dashboard.
pub struct Choice<'a> {
    /// The two ends of the time, as ISO 8601 in UTC without the zone.
    pub window: [&'a str; 2],
    /// The space between two points of a diagram.
    pub interval: &'a str,
    /// The values of the variable `$cohort`.
    pub cohorts: &'a [&'a str],
}

/// The statement as PostgreSQL gets it.
pub fn expand(sql: &str, choice: &Choice<'_>) -> String {
    // A variable with several values becomes a list of quoted texts.
    let quoted: Vec<_> = choice.cohorts.iter().map(|value| format!("'{value}'")).collect();
    let sql = sql.replace("$cohort", &quoted.join(",")).replace("$__interval", choice.interval);
    let mut rest = sql.as_str();
    let mut expanded = String::new();
    while let Some((before, after)) = rest.split_once("$__") {
        let (name, after) = after.split_once('(').unwrap_or_else(|| panic!("{sql}"));
        let (arguments, after) = after.split_once(')').unwrap_or_else(|| panic!("{sql}"));
        let arguments: Vec<_> = arguments.split(',').map(str::trim).collect();
        expanded += before;
        expanded += &one(name, &arguments, choice.window);
        rest = after;
    }
    expanded += rest;
    assert!(!expanded.contains('$'), "an unknown variable: {expanded}");
    expanded
}

fn one(name: &str, arguments: &[&str], [from, to]: [&str; 2]) -> String {
    match (name, arguments) {
        ("timeFilter", [column]) => format!("{column} BETWEEN '{from}Z' AND '{to}Z'"),
        ("timeFrom", [""]) => format!("'{from}Z'"),
        ("timeTo", [""]) => format!("'{to}Z'"),
        // A third argument says what Grafana draws where there are no rows: PostgreSQL never sees it.
        ("timeGroup", [column, interval] | [column, interval, _]) => {
            let seconds = seconds(interval.trim_matches(['\'', '"']));
            format!("floor(extract(epoch from {column})/{seconds})*{seconds}")
        }
        ("timeGroupAlias", arguments) => {
            format!("{} AS \"time\"", one("timeGroup", arguments, [from, to]))
        }
        _ => panic!("Grafana has no $__{name} with {arguments:?}"),
    }
}

/// A length of time as Grafana writes it: `30s`, `5m`, `1h`, `1d`.
pub fn seconds(interval: &str) -> i64 {
    let (number, unit) = interval.split_at(interval.len() - 1);
    let unit = match unit {
        "s" => 1,
        "m" => 60,
        "h" => 3600,
        "d" => 86400,
        _ => panic!("{interval} is no interval"),
    };
    number.parse::<i64>().unwrap() * unit
}
