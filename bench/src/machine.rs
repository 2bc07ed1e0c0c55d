//! What the figures were measured on.
//!
//! Source: proc(5): `cpuinfo`, `meminfo`, `sys/kernel/osrelease`, `self/mountinfo`.

use std::path::Path;
use std::process::Command;

/// One line of a table each.
pub(crate) fn describe(work: &Path) -> Vec<(&'static str, String)> {
    let read = |path: &str| std::fs::read_to_string(path).unwrap_or_default();
    let field = |text: &str, name: &str| {
        let line = text.lines().find(|line| line.starts_with(name))?;
        Some(line.split_once(':')?.1.trim().to_owned())
    };
    let unknown = || "unknown".to_owned();
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    let model = field(&read("/proc/cpuinfo"), "model name").unwrap_or_else(unknown);
    let memory = field(&read("/proc/meminfo"), "MemTotal")
        .and_then(|text| text.strip_suffix(" kB")?.parse::<f64>().ok())
        .map_or_else(unknown, |kib| format!("{:.1} GiB", kib / f64::from(1 << 20)));
    vec![
        ("processor", format!("{cores} cores, {model}")),
        ("memory", memory),
        ("kernel", format!("Linux {}", read("/proc/sys/kernel/osrelease").trim())),
        (
            "file system of the data",
            file_system(&read("/proc/self/mountinfo"), work).unwrap_or_else(unknown),
        ),
        ("compiler", compiler().unwrap_or_else(unknown)),
    ]
}

/// The type of the file system that a folder is on: of the longest mount point above it.
fn file_system(mounts: &str, folder: &Path) -> Option<String> {
    let folder = folder.canonicalize().ok()?;
    mounts
        .lines()
        .filter_map(|line| {
            let (before, after) = line.split_once(" - ")?;
            let point = before.split(' ').nth(4)?;
            folder
                .starts_with(point)
                .then_some((point.len(), after.split(' ').next()?))
        })
        .max_by_key(|(length, _)| *length)
        .map(|(_, kind)| kind.to_owned())
}

fn compiler() -> Option<String> {
    let output = Command::new("rustc").arg("--version").output().ok()?;
    Some(String::from_utf8(output.stdout).ok()?.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::file_system;

    #[test]
    fn the_file_system_is_that_of_the_nearest_mount() {
        let mounts = "22 1 8:1 / / rw shared:1 - ext4 /dev/sda1 rw\n23 22 0:20 / /proc rw - proc proc rw\nnonsense\n";
        assert_eq!(file_system(mounts, Path::new("/proc")).as_deref(), Some("proc"));
        assert_eq!(file_system(mounts, Path::new("/usr")).as_deref(), Some("ext4"));
        assert_eq!(file_system(mounts, Path::new("/there/is/no/such/folder")), None);
    }
}
