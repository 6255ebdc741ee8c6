//! How everything of a seat is reached.

use std::path::Path;

use crate::session::start::Reach;
use crate::term;

/// A line for each thing.
pub fn full(workspace: &Path, services: &[Reach]) -> String {
    let mut text = format!("  workspace  {}\n", workspace.display());
    for reach in services {
        text.push_str(&format!(
            "  {:<10} {} in the shell, {} outside\n",
            reach.service, reach.service, reach.address
        ));
        for (what, address) in &reach.ports {
            text.push_str(&format!("  {:<10} {address} for {what}\n", ""));
        }
    }
    text
}

/// In a line, where it fits.
pub fn brief(workspace: &Path, services: &[Reach], width: usize) -> String {
    let mut parts = vec![format!("workspace {}", from_home(workspace))];
    parts.extend(services.iter().map(|reach| format!("{} {}", reach.service, reach.address)));
    format!("{}\n", term::wrapped(&parts.join(", "), 2, width))
}

/// As a shell abbreviates a path below the home directory.
fn from_home(path: &Path) -> String {
    let below = etcetera::home_dir().ok().and_then(|home| path.strip_prefix(&home).ok());
    match below {
        Some(rest) => format!("~/{}", rest.display()),
        None => path.display().to_string(),
    }
}
