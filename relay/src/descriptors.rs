//! Room for many connections: each needs a file descriptor, and most systems begin with 1024 of them
//! though they allow far more.

use nix::sys::resource::{Resource, getrlimit, setrlimit};

/// More than one relay can serve anyway. Some systems refuse to be asked for "any number".
const WANTED: u64 = 65_536;

/// Takes as many as the system allows, up to what can be of use. Gives how many there are, where that
/// can be told.
pub fn raise() -> Option<u64> {
    let (now, most) = getrlimit(Resource::RLIMIT_NOFILE).ok()?;
    let wanted = WANTED.min(most);
    if now >= wanted {
        return Some(now);
    }
    // Refused: it goes on with what there is.
    Some(setrlimit(Resource::RLIMIT_NOFILE, wanted, most).map_or(now, |()| wanted))
}

/// How many there may be now, where that can be told.
pub fn available() -> Option<u64> {
    getrlimit(Resource::RLIMIT_NOFILE).ok().map(|(now, _)| now)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_are_no_fewer_than_before() {
        let (before, most) = getrlimit(Resource::RLIMIT_NOFILE).unwrap_or_default();
        let after = raise().unwrap_or_default();
        assert!(after >= before && after >= WANTED.min(most), "{before}, {after}, {most}");
    }
}
