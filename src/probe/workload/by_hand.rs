//! The lines by which a learner sees the same: calls that did not overlap, one after the other.

use serde_json::Value;

use super::Spec;
use super::roles::RoleKind;
use crate::error::Result;
use crate::model::{Action, Operation, Outcome};
use crate::probe::scene::Scene;
use crate::probe::{Call, call};
use crate::term::shell_line;

/// Modules of Python that client libraries use. A program of such a name hides it from them outside the checks.
const HIDING: [&str; 8] =
    ["json", "queue", "random", "select", "signal", "socket", "threading", "time"];

/// What to type, if it shows the failure without anybody else: of calls at the same time it would not.
///
/// # Errors
/// A variable is not defined.
pub fn line(spec: &Spec, scene: &Scene<'_>, calls: &[Operation]) -> Result<Option<String>> {
    let module = scene.program.and_then(|program| program.strip_suffix(".py"));
    let Some(module) = module.filter(|module| !HIDING.contains(module)) else { return Ok(None) };
    let mut calls: Vec<&Operation> = calls.iter().collect();
    calls.sort_by_key(|call| call.start);
    let follow = |pair: &[&Operation]| pair[0].end.is_some_and(|end| end <= pair[1].start);
    if calls.is_empty() || !calls.windows(2).all(follow) {
        return Ok(None);
    }
    let mut lines = Vec::new();
    // Each client is a process of its own: what one keeps in memory the next one does not have.
    for of_one in calls.chunk_by(|a, b| a.client == b.client) {
        let mut code = vec![format!("import {module}")];
        for operation in of_one {
            let Some(Call { call, args }) = again(spec, scene, operation)? else { return Ok(None) };
            if !args.iter().all(|arg| matches!(arg, Value::String(_) | Value::Number(_))) {
                return Ok(None);
            }
            let line = format!("{module}.{}", call::line(&call, &args));
            let takes = operation.action == Action::Take;
            code.push(if takes { format!("print({line})") } else { line });
        }
        let words = ["labs", "exec", "workbench", "--", "python3", "-c", &code.join("; ")];
        lines.push(shell_line(&words.map(str::to_owned)));
    }
    Ok(Some(lines.join("\n")))
}

/// The call that an operation was, where it was one of a collection and has returned.
fn again(spec: &Spec, scene: &Scene<'_>, operation: &Operation) -> Result<Option<Call>> {
    let (kind, value, rank) = match (&operation.action, &operation.outcome) {
        (Action::Put { value, priority }, Outcome::Ok(_)) => {
            (RoleKind::Put, value.as_str(), *priority)
        }
        (Action::Take, Outcome::Ok(_)) => (RoleKind::Take, "", None),
        _ => return Ok(None),
    };
    let rank = usize::try_from(rank.unwrap_or_default()).unwrap_or_default();
    let priority = spec.priorities.get(rank).map_or("", String::as_str);
    let values = [("value", value), ("priority", priority)];
    spec.roles.call(kind, &values, scene.variables).map(Some)
}
