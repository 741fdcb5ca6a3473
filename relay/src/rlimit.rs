//! Resource limits of the process: open files and core dumps.

use nix::sys::resource::{Resource, getrlimit, setrlimit};

/// More open files than one relay can use. Some systems reject "unlimited".
const MAX_OPEN_FILES: u64 = 65_536;

/// Raises the limit of open files, one of which each connection needs: most systems start processes with
/// 1024 and allow far more. If it fails, the limit stays as it is.
pub fn raise_open_files() {
    if let Ok((soft, hard)) = getrlimit(Resource::RLIMIT_NOFILE) {
        let _ = setrlimit(Resource::RLIMIT_NOFILE, soft.max(MAX_OPEN_FILES.min(hard)), hard);
    }
}

/// The limit of open files, where the system reports it.
pub fn open_files() -> Option<u64> {
    getrlimit(Resource::RLIMIT_NOFILE).ok().map(|(soft, _)| soft)
}

/// Disables core dumps: the memory contains the addresses of clients whose requests are in flight. If it
/// fails, a crash can leave one.
pub fn disable_core_dumps() {
    // Lowering a limit is always allowed.
    let _ = setrlimit(Resource::RLIMIT_CORE, 0, 0);
    // The limit does not apply where dumps are piped to a program (core(5)).
    #[cfg(target_os = "linux")]
    let _ = nix::sys::prctl::set_dumpable(false);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn raise_open_files_never_lowers_the_limit() {
        let (before, hard) = getrlimit(Resource::RLIMIT_NOFILE).unwrap_or_default();
        raise_open_files();
        assert_eq!(open_files(), Some(before.max(MAX_OPEN_FILES.min(hard))));
    }
}
