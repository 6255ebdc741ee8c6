//! What `labs run` becomes in a terminal: a screen that is alive, or a prompt, line by line.

mod live;
mod prompt;
pub mod shell;
mod trouble;
mod visit;

use console::style;

use crate::catalog::lab::Lab;
use crate::error::Result;
use crate::session::Session;
use crate::session::start::Started;
use crate::session::status::place;
use crate::store::Store;
use crate::term;

/// Shows a task and does what is asked, until the learner leaves; answers the exit code.
///
/// # Errors
/// The store, the engine or the terminal fails in a way that ends the session.
pub async fn run(session: Session, started: Started, plain: bool) -> Result<u8> {
    if plain {
        session.mindful_of_disk(&started.seat, prompt::run(&session, &started)).await
    } else {
        live::run(session, started).await
    }
}

/// The task that the learner is at, to be read while the services come up; none where there is a seat to go on with.
///
/// # Errors
/// The store cannot be read.
pub fn preview(store: &Store, lab: &Lab) -> Result<Option<String>> {
    if store.seat_of(&lab.slug)?.is_some() {
        return Ok(None);
    }
    let (progress, spent) = (store.progress(&lab.slug)?, store.time(&lab.slug)?);
    let task = prompt::view(lab, place(store, lab)?, &progress, spent, term::width(), false);
    Ok(Some(format!("{task}\n{}\n", style("To be read while the services come up.").dim())))
}

/// Whether the terminal can be drawn upon.
pub fn draws() -> bool {
    console::user_attended() && term::can_be_redrawn()
}

/// What is said when the learner leaves.
fn left(lab: &str) -> String {
    format!(
        "\nThe seat goes on running.\n  labs run {lab}   comes back\n  labs stop {lab}  ends it; your files stay\n"
    )
}
