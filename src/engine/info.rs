//! What the engine is: for `doctor`, and for what depends on its features.

use std::path::PathBuf;
use std::time::Duration;

use jiff::Timestamp;

use super::Engine;
use crate::error::Result;

/// A ping is the first call: a silent engine should show soon.
const PING: Duration = Duration::from_secs(10);

/// What an engine says of itself and its machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EngineInfo {
    pub version: String,
    /// The newest API it speaks, as `1.41`.
    pub api_version: String,
    pub rootless: bool,
    /// Containers are kept from system calls that they do not need.
    pub seccomp: bool,
    /// `1` or `2`, empty where the engine does not say.
    pub cgroup_version: String,
    pub storage_driver: String,
    /// The distribution it runs on, for people.
    pub system: String,
    pub os: String,
    pub arch: String,
    pub kernel: String,
    /// Bytes.
    pub memory: u64,
    pub cpus: u64,
    /// What the engine cannot limit containers in: `memory`, `swap`, `processes`, `CPU time`.
    pub unlimited: Vec<&'static str>,
    /// Where it keeps images and volumes, on its own machine.
    pub root: Option<PathBuf>,
    /// Its clock.
    pub time: Option<Timestamp>,
    pub warnings: Vec<String>,
}

impl EngineInfo {
    /// The API's version as two numbers, to compare.
    pub fn api(&self) -> (u32, u32) {
        let (major, minor) = self.api_version.split_once('.').unwrap_or((&self.api_version, "0"));
        (major.parse().unwrap_or(0), minor.parse().unwrap_or(0))
    }
}

fn filters_system_calls(security: &[String]) -> bool {
    let filters = |option: &String| {
        option.starts_with("name=seccomp") && !option.contains("profile=unconfined")
    };
    security.iter().any(filters)
}

impl Engine {
    /// Whether the engine answers at all.
    pub async fn ping(&self) -> Result<()> {
        self.call("reach the Docker engine".into(), PING, self.docker.ping()).await.map(drop)
    }

    /// Two calls, made at once.
    pub async fn info(&self) -> Result<EngineInfo> {
        let what = || "ask the Docker engine about itself".to_owned();
        let (version, info) = tokio::try_join!(
            self.call(what(), PING, self.docker.version()),
            self.call(what(), super::READ, self.docker.info()),
        )?;
        let limits = [
            (info.memory_limit, "memory"),
            (info.swap_limit, "swap"),
            (info.pids_limit, "processes"),
            (info.cpu_cfs_quota, "CPU time"),
        ];
        let security = info.security_options.unwrap_or_default();
        Ok(EngineInfo {
            version: version.version.unwrap_or_default(),
            api_version: version.api_version.unwrap_or_default(),
            seccomp: filters_system_calls(&security),
            rootless: security.iter().any(|option| option == "name=rootless"),
            cgroup_version: info
                .cgroup_version
                .map(|version| version.to_string())
                .unwrap_or_default(),
            storage_driver: info.driver.unwrap_or_default(),
            system: info.operating_system.unwrap_or_default(),
            os: info.os_type.unwrap_or_default(),
            arch: version.arch.or(info.architecture).unwrap_or_default(),
            kernel: info.kernel_version.unwrap_or_default(),
            memory: info.mem_total.and_then(|bytes| bytes.try_into().ok()).unwrap_or(0),
            cpus: info.ncpu.and_then(|count| count.try_into().ok()).unwrap_or(0),
            unlimited: limits
                .into_iter()
                .filter(|(limits, _)| *limits == Some(false))
                .map(|(_, what)| what)
                .collect(),
            root: info.docker_root_dir.map(PathBuf::from),
            time: info.system_time.and_then(|time| time.parse().ok()),
            warnings: info.warnings.unwrap_or_default(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::filters_system_calls;

    #[test]
    fn a_filter_that_lets_everything_pass_is_none() {
        let filters = |options: &[&str]| {
            filters_system_calls(&options.iter().map(|&o| o.to_owned()).collect::<Vec<_>>())
        };
        assert!(filters(&["name=apparmor", "name=seccomp,profile=default"]));
        assert!(!filters(&["name=seccomp,profile=unconfined"]));
        assert!(!filters(&["name=apparmor"]));
    }
}
