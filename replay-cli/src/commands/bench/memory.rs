//! How much memory this process takes, as Linux tells it; nothing where it does not.

use std::fs;

/// Resident memory now, in bytes.
pub fn resident() -> Option<u64> {
    field("VmRSS:")
}

/// The most resident memory since [`forget_peak`], in bytes.
pub fn peak() -> Option<u64> {
    field("VmHWM:")
}

/// Begins a new peak. Where that is not allowed, the peak stays that of the whole process.
pub fn forget_peak() {
    // 5 resets the high-water mark; see proc_pid_clear_refs(5).
    let _ = fs::write("/proc/self/clear_refs", "5");
}

fn field(name: &str) -> Option<u64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix(name))?;
    line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok().map(|kib| kib * 1024)
}
