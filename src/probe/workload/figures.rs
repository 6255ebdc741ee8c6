//! What the work has cost, counted at the relay.

use serde_json::Number;

use crate::probe::finding::Figure;
use crate::probe::relay::{Record, ReplyKind};

/// Calls, commands for each of them, and transactions that came to nothing because a watched key had changed.
pub fn of(records: &[Record], calls: u64) -> Vec<Figure> {
    let commands = records.iter().filter(|r| !r.handshake).count() as u64;
    let null = |r: &&Record| r.reply.as_ref().is_some_and(|reply| reply.kind == ReplyKind::Null);
    let refused = records.iter().filter(|r| r.command == "EXEC").filter(null).count() as u64;
    let tenths = (10 * commands + calls / 2).checked_div(calls).unwrap_or(0);
    let each = if tenths.is_multiple_of(10) {
        Number::from(tenths / 10)
    } else {
        #[expect(clippy::cast_precision_loss, reason = "commands are few")]
        Number::from_f64(tenths as f64 / 10.0).unwrap_or_else(|| 0.into())
    };
    let figure = |name: &str, value: Number| Figure { name: name.to_owned(), value };
    let mut figures = vec![figure("calls", calls.into()), figure("commands for each call", each)];
    if records.iter().any(|r| r.command == "WATCH") {
        figures
            .push(figure("transactions refused because a watched key had changed", refused.into()));
    }
    figures
}
