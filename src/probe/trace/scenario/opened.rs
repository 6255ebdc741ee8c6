//! An iterator of the program, taken item by item.

use std::time::Duration;

use crate::error::Result;
use crate::probe::Call;
use crate::probe::call::{self, CALL_TIMEOUT, Ended, Trouble};
use crate::probe::finding::Finding;
use crate::probe::runner::{Outcome, Process, Stream};

/// Longer than any scenario.
const OPEN_FOR: Duration = Duration::from_secs(50);

/// What a call has returned; nothing is asked of it before [`Opened::next`].
pub struct Opened {
    /// The call, as a person writes it.
    pub line: String,
    pub process: Process,
    stream: Stream,
}

impl Opened {
    /// Makes the call. That it returns no iterator is a finding.
    pub async fn open(process: &Process, call: Call) -> Result<Result<Self, Finding>> {
        let line = call::line(&call.call, &call.args);
        let mut stream = process.stream_held(&call.call, call.args, OPEN_FOR).await?;
        let opened = tokio::time::timeout(CALL_TIMEOUT, stream.opened()).await;
        if opened.ok().flatten().is_none() {
            return call::not_opened(process, &line, stream).map(Err);
        }
        Ok(Ok(Self { line, process: process.clone(), stream }))
    }

    /// The next item, in so much time; and the iterator, unless that was its end.
    pub async fn next(mut self, within: Duration) -> (Option<Self>, Ended) {
        self.stream.ask_for(1).await;
        match tokio::time::timeout(within, self.stream.next()).await {
            Ok(Some(item)) => (Some(self), Ended::Returned(item.value)),
            Ok(None) => (None, self.over()),
            Err(_) => (None, self.trouble(Outcome::TimedOut)),
        }
    }

    fn over(self) -> Ended {
        let (process, stream) = (self.process, self.stream);
        match stream.finish() {
            Ok(call) => {
                Ended::Trouble(Trouble::Call { outcome: call.outcome, output: process.output() })
            }
            Err(error) => Ended::Trouble(Trouble::Runner(error)),
        }
    }

    fn trouble(&self, outcome: Outcome) -> Ended {
        Ended::Trouble(Trouble::Call { outcome, output: self.process.output() })
    }
}
