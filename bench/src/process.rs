//! What a process has used, where the system says (`/proc`).

use std::fs::read_to_string;

/// A clock tick of `/proc/PID/stat` in microseconds: `USER_HZ` is 100 on every Linux that runs this.
const TICK_US: u64 = 10_000;

/// Processor time that a process has used so far, in the kernel too, in microseconds. In steps of 10 ms.
pub(crate) fn cpu_us(process: u32) -> Option<u64> {
    let stat = read_to_string(format!("/proc/{process}/stat")).ok()?;
    // The name, in parentheses, may hold spaces.
    let mut fields = stat.rsplit_once(')')?.1.split_whitespace().skip(11);
    let (user, system): (u64, u64) = (fields.next()?.parse().ok()?, fields.next()?.parse().ok()?);
    Some(user.saturating_add(system).saturating_mul(TICK_US))
}

/// The most memory that a process has held at once, in bytes.
pub(crate) fn peak_bytes(process: u32) -> Option<u64> {
    status_bytes(process, "VmHWM:")
}

/// The memory that a process holds now, in bytes.
pub(crate) fn held_bytes(process: u32) -> Option<u64> {
    status_bytes(process, "VmRSS:")
}

fn status_bytes(process: u32, field: &str) -> Option<u64> {
    let status = read_to_string(format!("/proc/{process}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix(field))?;
    line.split_whitespace().next()?.parse::<u64>().ok()?.checked_mul(1_024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_that_works_uses_time_and_memory() {
        let own = std::process::id();
        let before = cpu_us(own).unwrap();
        let mut sum = 0_u64;
        while cpu_us(own).unwrap() == before {
            sum = std::hint::black_box(sum.wrapping_add(1));
        }
        assert!(cpu_us(own).unwrap() > before);
        // In this order, since other tests of the process need more meanwhile.
        let held = held_bytes(own).unwrap();
        assert!(peak_bytes(own).unwrap() >= held);
        assert!(cpu_us(u32::MAX).is_none());
    }
}
