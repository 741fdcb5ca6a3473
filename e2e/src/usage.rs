//! What a process uses of the machine, as Linux tells it in `/proc` (proc(5)).

use nix::unistd::{SysconfVar, sysconf};
use std::{fs, time::Duration};

/// The processor time that the process has used so far, in user space and in the kernel, of all its
/// threads. Its steps are of 10 ms.
pub fn processor_time(pid: u32) -> Duration {
    let stat = read(pid, "stat");
    // The second field is the program's name in parentheses, which may hold anything; `utime` is the
    // 14th, `stime` the 15th.
    let (_, fields) = stat.rsplit_once(')').unwrap();
    let ticks: u64 = fields.split_whitespace().skip(11).take(2).map(number).sum();
    let ticks_a_second = sysconf(SysconfVar::CLK_TCK).unwrap().unwrap();
    Duration::from_secs_f64(ticks as f64 / ticks_a_second as f64)
}

/// The memory that the process has in RAM, in bytes.
pub fn resident_bytes(pid: u32) -> u64 {
    let status = read(pid, "status");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    number(line.trim().trim_end_matches(" kB")) * 1024
}

fn read(pid: u32, file: &str) -> String {
    fs::read_to_string(format!("/proc/{pid}/{file}")).unwrap()
}

fn number(text: &str) -> u64 {
    text.parse().unwrap()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{process, time::Instant};

    #[test]
    fn work_takes_processor_time_and_memory() {
        let (before, start) = (processor_time(process::id()), Instant::now());
        while processor_time(process::id()) < before + Duration::from_millis(50) {
            assert!(start.elapsed() < crate::PATIENCE, "this loop takes no time");
        }
        let held = vec![1u8; 64 << 20];
        assert!(resident_bytes(process::id()) > held.len() as u64);
    }
}
