//! Returns freed memory to the system.
//!
//! glibc returns freed memory only from the top of each of its heaps, so one small live allocation
//! keeps all memory below it resident. `malloc_trim` returns every free page. It is a call into C,
//! and the crate of the service has no unsafe code, so the call is in this separate crate.

/// Limits glibc to two malloc arenas per processor instead of eight. See [`limit_arenas_to`].
pub fn limit_arenas() {
    let processors = std::thread::available_parallelism().map_or(2, std::num::NonZeroUsize::get);
    limit_arenas_to(processors.saturating_mul(2));
}

/// Limits the number of glibc's malloc arenas. Each arena keeps every page that still holds a small
/// allocation, so fewer arenas return more memory after large work, and threads wait more for one
/// another. Call it before starting threads: existing arenas stay. Does nothing with other C
/// libraries, or when `MALLOC_ARENA_MAX` is set.
pub fn limit_arenas_to(arenas: usize) {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    if std::env::var_os("MALLOC_ARENA_MAX").is_none() {
        let arenas = libc::c_int::try_from(arenas).unwrap_or(libc::c_int::MAX);
        // SAFETY: sets a number of the allocator, which takes its own lock for that.
        unsafe { libc::mallopt(libc::M_ARENA_MAX, arenas) };
    }
    #[cfg(not(all(target_os = "linux", target_env = "gnu")))]
    let _ = arenas;
}

/// Returns the free pages of all heaps to the system, and reports whether there were any. Takes
/// milliseconds, and locks one heap after another. Does nothing with other C libraries than glibc.
pub fn give_back() -> bool {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    {
        // SAFETY: takes no pointers, and takes the locks that every other call of the allocator
        // takes.
        unsafe { libc::malloc_trim(0) == 1 }
    }
    #[cfg(not(all(target_os = "linux", target_env = "gnu")))]
    {
        false
    }
}

/// Returns the resident memory of this process in bytes; `None` if the system does not report it.
pub fn resident_bytes() -> Option<u64> {
    let statm = std::fs::read_to_string("/proc/self/statm").ok()?;
    let pages: u64 = statm.split(' ').nth(1)?.parse().ok()?;
    // SAFETY: reads a constant of the system.
    let page = unsafe { libc::sysconf(libc::_SC_PAGESIZE) };
    Some(pages * u64::try_from(page).ok()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn freed_memory_below_live_blocks_is_returned() {
        let Some(before) = resident_bytes() else {
            return;
        };
        // Many pages each, and too small for a mapping of their own.
        let (freed, kept): (Vec<_>, Vec<_>) = (0..4000_usize)
            .map(|n| (vec![1_u8; 40_000], vec![n; 2]))
            .unzip();
        drop(freed);
        let freed = resident_bytes().unwrap();
        give_back();
        let after = resident_bytes().unwrap();
        assert_eq!(kept.len(), 4000);
        assert!(
            after < before + 40_000_000,
            "{before} before, {freed} freed, {after} given back"
        );
    }
}
