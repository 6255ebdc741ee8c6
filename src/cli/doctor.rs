use std::path::Path;

use console::{Term, style};
use jiff::Timestamp;
use serde::Serialize;

use super::output;
use crate::catalog::Catalog;
use crate::engine::{Engine, EngineInfo};
use crate::error::{Error, Result};
use crate::image::{self, Images};
use crate::session::disk::{Room, room};
use crate::store::Store;
use crate::term::{self, ascii};
use crate::verdict::ErrorReport;

/// The oldest API with all that labs asks for.
const API: (u32, u32) = (1, 41);
/// What a seat and its checks take at least, in MiB: a lab of one service with four lanes.
const MEMORY_MIB: u64 = 2048;
/// What is written besides images: layers of containers, logs, data.
const ROOM_MIB: u64 = 1024;
/// What the record of progress may grow to, in MiB.
const RECORD_MIB: u64 = 64;
/// How far two clocks may be apart, in seconds.
const APART: i64 = 5;
/// The least that the screen needs, lines and columns.
const SCREEN: (u16, u16) = (20, 60);

/// Say whether labs can work on this machine, and how to mend what is wrong
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Print one JSON document
    #[arg(long)]
    pub json: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
enum State {
    Ok,
    /// labs works, but not as well as it could.
    Warn,
    Fail,
}

#[derive(Serialize)]
struct Finding {
    name: &'static str,
    /// That it does not keep labs from working.
    ok: bool,
    state: State,
    detail: String,
    /// What to do about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    mend: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<ErrorReport>,
}

impl Args {
    pub async fn run(self, catalog: Catalog) -> Result<u8> {
        let findings = findings(&catalog).await;
        let well = findings.iter().all(|f| f.ok);
        if self.json {
            output::json(&serde_json::json!({ "ok": well, "findings": findings }));
        } else {
            for finding in &findings {
                output::print_text(&text(finding));
            }
        }
        Ok(if well { 0 } else { 3 })
    }
}

fn text(Finding { name, state, detail, mend, .. }: &Finding) -> String {
    let mark = match state {
        State::Ok => style("✓").green(),
        State::Warn => style("!").magenta(),
        State::Fail => style("✗").red(),
    };
    let hanging = |text: &str| {
        let lines = term::wrapped(text, 13, term::width());
        lines.trim_start().to_owned()
    };
    let mut text = format!("{mark} {name:<10} {}\n", hanging(detail));
    if let Some(mend) = mend {
        text.push_str(&format!("{}{}\n", " ".repeat(13), hanging(&format!("→ {mend}"))));
    }
    text
}

async fn findings(catalog: &Catalog) -> Vec<Finding> {
    let mut findings =
        vec![Store::glance().map_or_else(|e| tried("record", Err(e)), |s| record(s.folder()))];
    let asked = async {
        let engine = Engine::connect()?;
        let info = engine.info().await?;
        Ok((engine, info))
    };
    let (engine, info) = match asked.await {
        Ok(answered) => answered,
        Err(error) => {
            findings.extend(without_engine(error));
            return findings;
        }
    };
    let (images, missing_mib) = match images(catalog, &engine).await {
        Ok((detail, missing)) => (ok("images", detail), missing),
        Err(error) => (tried("images", Err(error)), 0),
    };
    findings.push(of_engine(&engine, &info));
    findings.push(permission());
    findings.push(limits(&info));
    findings.extend(seccomp(&info));
    findings.push(memory(&info));
    findings.extend(info.root.as_deref().and_then(|root| disk(root, missing_mib)));
    findings.extend(info.time.map(clock));
    findings.push(images);
    findings.push(terminal());
    findings
}

fn ok(name: &'static str, detail: impl Into<String>) -> Finding {
    Finding { name, ok: true, state: State::Ok, detail: detail.into(), mend: None, error: None }
}

fn warn(name: &'static str, detail: impl Into<String>, mend: impl Into<String>) -> Finding {
    Finding { state: State::Warn, mend: Some(mend.into()), ..ok(name, detail) }
}

fn tried(name: &'static str, result: Result<String>) -> Finding {
    match result {
        Ok(detail) => ok(name, detail),
        Err(error) => {
            let detail = match &error.why {
                Some(why) => format!("{}: {why}", error.what),
                None => error.what.clone(),
            };
            let mend = error.help.clone();
            Finding {
                ok: false,
                state: State::Fail,
                mend,
                error: Some(error.into()),
                ..ok(name, detail)
            }
        }
    }
}

/// Where progress and seats are recorded, and what is free there.
fn record(folder: &Path) -> Finding {
    let free = room(folder).bytes >> 20;
    let detail = format!("{}, {free} MiB free", folder.display());
    let mend = "progress cannot be recorded on a full disk: free some";
    if free == 0 {
        return tried("record", Err(Error::infrastructure(detail).help(mend)));
    }
    if free < RECORD_MIB {
        return warn("record", detail, mend);
    }
    ok("record", detail)
}

/// What can be said all the same.
fn without_engine(error: Error) -> Vec<Finding> {
    const ASKED: [&str; 6] = ["permission", "limits", "memory", "disk", "clock", "images"];
    let unknown = |name| Finding { state: State::Warn, ..ok(name, "not known without the engine") };
    let mut findings = vec![tried("engine", Err(error))];
    findings.extend(ASKED.map(unknown));
    findings.push(terminal());
    findings
}

/// The engine has answered, so this user may use it.
fn permission() -> Finding {
    let user = rustix::process::getuid();
    let user = if user.is_root() { "root".to_owned() } else { format!("user {}", user.as_raw()) };
    ok("permission", format!("{user} may use the engine"))
}

fn of_engine(engine: &Engine, info: &EngineInfo) -> Finding {
    let rootless = if info.rootless { ", rootless" } else { "" };
    let detail = format!(
        "{} (API {}) at {}, {}{rootless}",
        info.version,
        info.api_version,
        engine.endpoint().address,
        info.system
    );
    if info.api() < API {
        let mend =
            format!("labs is tried with API {}.{} and later: update the engine", API.0, API.1);
        return warn("engine", detail, mend);
    }
    ok("engine", detail)
}

fn limits(info: &EngineInfo) -> Finding {
    let version = format!("cgroup v{}", info.cgroup_version);
    if info.unlimited.is_empty() {
        return ok("limits", format!("{version}: memory, processes and CPU time are bounded"));
    }
    let what = info.unlimited.join(", ");
    warn(
        "limits",
        format!("{version}: containers are not bounded in {what}"),
        "a learner's program can take all of it; 'docker info' says what the kernel lacks",
    )
}

fn seccomp(info: &EngineInfo) -> Option<Finding> {
    const MEND: &str = "a learner's program may use every system call: seats for others belong on an engine with seccomp, see 'docker info'";
    let without = (!info.seccomp).then_some("the engine filters no system calls");
    without.map(|detail| warn("seccomp", detail, MEND))
}

fn memory(info: &EngineInfo) -> Finding {
    let mib = info.memory >> 20;
    let detail = format!("{mib} MiB, {} CPUs", info.cpus);
    if mib < MEMORY_MIB {
        let mend =
            format!("a lab of several services may not fit: give the engine {MEMORY_MIB} MiB");
        return warn("memory", detail, mend);
    }
    ok("memory", detail)
}

/// Only where the engine's folder is on this machine.
fn disk(root: &Path, missing_mib: u64) -> Option<Finding> {
    root.exists().then(|| with_room(room(root), root, missing_mib + ROOM_MIB))
}

fn with_room(has: Room, root: &Path, needed: u64) -> Finding {
    let free = has.bytes >> 20;
    let detail = format!("{free} MiB free at {}", root.display());
    let mend = format!(
        "the images that are not built yet and the labs' data take about {needed} MiB: \
         'labs images prune' and 'labs gc' make room"
    );
    if has.is_used_up() {
        let full = Error::infrastructure("The disk is as good as full").because(detail);
        tried("disk", Err(full.help(mend)))
    } else if free < needed {
        warn("disk", detail, mend)
    } else {
        ok("disk", detail)
    }
}

fn clock(engines: Timestamp) -> Finding {
    let apart = Timestamp::now().duration_since(engines).as_secs();
    if apart.abs() > APART {
        let detail = format!("the engine's clock is {} s off this one", apart.abs());
        return warn(
            "clock",
            detail,
            "times in logs and attempts do not fit together: set the clocks",
        );
    }
    ok("clock", "as the engine's")
}

async fn images(catalog: &Catalog, engine: &Engine) -> Result<(String, u64)> {
    let all = Images::new(catalog.clone()).all()?;
    let have = image::tags(engine).await?;
    let megabytes = image::megabytes(&all, &have);
    let detail = match all.iter().filter(|image| !have.contains(&image.tag)).count() {
        0 => format!("all {} are built", all.len()),
        some => format!(
            "{} of {} are built; the others ({megabytes} MB) are built when a lab needs them",
            all.len() - some,
            all.len()
        ),
    };
    Ok((detail, u64::from(megabytes)))
}

fn terminal() -> Finding {
    let Some((lines, columns)) = Term::stdout().size_checked() else {
        return ok("terminal", "none: text is printed in lines");
    };
    let signs = if ascii::fitted("…") == "…" { "Unicode" } else { "ASCII" };
    let colours = if console::colors_enabled() { "colours" } else { "no colours" };
    let detail = format!("{columns} columns, {lines} lines, {colours}, {signs}");
    if lines < SCREEN.0 || columns < SCREEN.1 {
        let mend =
            format!("the screen of 'labs run' needs {} columns and {} lines", SCREEN.1, SCREEN.0);
        return warn("terminal", detail, mend);
    }
    if !term::can_be_redrawn() {
        return warn("terminal", detail, "nothing can be redrawn here: 'labs run' prints lines");
    }
    ok("terminal", detail)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_disk_that_is_as_good_as_full_keeps_labs_from_working() {
        let state = |mib: u64, files| {
            let found = with_room(Room { bytes: mib << 20, files }, Path::new("/"), ROOM_MIB);
            (found.state, found.ok)
        };
        assert_eq!(state(ROOM_MIB, u64::MAX), (State::Ok, true));
        assert_eq!(state(ROOM_MIB - 1, u64::MAX), (State::Warn, true));
        assert_eq!(state(100, u64::MAX), (State::Fail, false));
        assert_eq!(state(ROOM_MIB, 10), (State::Fail, false));
    }
}
