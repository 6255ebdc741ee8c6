//! What is said of a service that does not answer: what helps, then why.

use crate::error::Error;
use crate::probe::codes::SERVICE_STOPPED;
use crate::probe::finding::Finding;
use crate::session::trouble::BRINGS_BACK;
use crate::term::escape::visible;

/// What is said of what keeps a service from answering, in one line.
pub fn notice(broken: &Finding) -> Option<String> {
    let said = match broken {
        Finding::Pass(_) => return None,
        Finding::Error(error) if error.help.as_deref() == Some(BRINGS_BACK) => {
            startable(&error.what)
        }
        Finding::Error(error) => told(error),
        Finding::Fail(failure) if failure.code == SERVICE_STOPPED => {
            startable(&failure.evidence.summary)
        }
        Finding::Fail(failure) => {
            format!("its log may say why ('l'): {}", failure.evidence.summary)
        }
    };
    Some(first_line(&visible(&said)))
}

fn startable(what: &str) -> String {
    format!("'u' starts it again: {what}")
}

/// An error, with the first thing that helps.
pub fn told(error: &Error) -> String {
    match error.help.as_deref() {
        Some(help) => visible(&format!("{}: {help}", error.what)),
        None => visible(&error.what),
    }
}

pub fn first_line(text: &str) -> String {
    text.lines().next().unwrap_or_default().to_owned()
}
