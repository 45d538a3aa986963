//! How much memory processes have, and how many files.

use std::path::Path;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::Failure;

/// KiB that a process and its children have in memory (`VmRSS` of proc(5)'s `status`).
pub(crate) fn resident(process: u32) -> Result<u64, Failure> {
    let folder = Path::new("/proc").join(process.to_string());
    let status = std::fs::read_to_string(folder.join("status"))?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let own = line.and_then(|rest| rest.split_whitespace().next());
    let mut all: u64 = own.ok_or("no VmRSS")?.parse()?;
    // This process has the upstream and the generator for children, and they are no part of it.
    if process != std::process::id() {
        let task = folder.join("task").join(process.to_string());
        let children = std::fs::read_to_string(task.join("children"))?;
        for child in children.split_whitespace() {
            all += resident(child.parse()?)?;
        }
    }
    Ok(all)
}

/// Files that a process wants to have open where it may: two for each of 10,000 streams, and some.
const FILES: u64 = 24_000;

/// Raises the limit as far as it may be raised, for this process and those that it starts; how many files
/// there can be.
pub(crate) fn raise_file_limit() -> u64 {
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    if current.is_none_or(|current| current >= FILES) {
        return current.unwrap_or(FILES);
    }
    let wanted = |maximum| Rlimit {
        current: Some(FILES),
        maximum,
    };
    // Who may raise the hard limit may raise this one too.
    let higher = maximum.map(|maximum| maximum.max(FILES));
    if setrlimit(Resource::Nofile, wanted(higher)).is_err() {
        let most = maximum.unwrap_or(FILES).min(FILES);
        let all = Rlimit {
            current: Some(most),
            maximum,
        };
        let _ = setrlimit(Resource::Nofile, all);
    }
    getrlimit(Resource::Nofile).current.unwrap_or(FILES)
}
