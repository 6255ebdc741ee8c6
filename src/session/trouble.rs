//! Whose fault it is that a service died, or no longer answers.

use std::time::{Duration, Instant};

use super::Session;
use super::plan::{Member, Plan};
use super::start::reach;
use crate::catalog::lab::Lab;
use crate::engine::{ContainerState, LogRequest};
use crate::error::{Error, Result, says_full_disk};
use crate::probe::codes::SERVICE_STOPPED;
use crate::probe::finding::{Evidence, Finding};
use crate::ready;
use crate::store::SeatRow;

const LOG_WITHIN: Duration = Duration::from_secs(5);
/// How long a service that no longer answers may take to be booked as ended.
const ENDS_WITHIN: Duration = Duration::from_secs(2);
const LOOK_EVERY: Duration = Duration::from_millis(50);
/// A service that runs and has not answered one of many questions by then will not.
const ANSWERS_WITHIN: Duration = Duration::from_secs(10);
/// What a Redis says while the cause can lie outside: it loads its data, it cannot write to its disk.
const UNSURE: [&str; 2] = ["LOADING", "MISCONF"];
/// How servers' logs begin to speak of a signal: "Received SIGTERM …".
const BY_SIGNAL: &str = "Received SIG";
/// How many of the last log lines are looked at.
const LAST_LINES: usize = 20;
/// A container may write before the engine notes its start, and takes longer from its last end to that.
const FIRST_WORDS: Duration = Duration::from_millis(100);

/// What helps where a service of the learner's does not run.
pub const BRINGS_BACK: &str = "'labs run LAB' brings the seat back; then check again";

impl Session {
    /// Why a service of the seat does not run, if one does not. The engine alone is asked: services would count a question,
    /// log it or hand it on.
    ///
    /// # Errors
    /// The seat is not there.
    pub async fn look_for_stopped(&self, lab: &Lab, seat: &SeatRow) -> Result<Option<Finding>> {
        self.renew(seat)?;
        let plan = self.plan(lab, seat.clone())?;
        let Some((member, state)) = self.stopped(&plan).await else { return Ok(None) };
        let error = Error::infrastructure(format!("The service {} does not run", member.name));
        Ok(Some(self.explain_stopped(&plan, member, state, error).await))
    }

    /// A probe that could not ask: when a service of the seat has stopped or no longer answers, says why. One that is
    /// just ending closes its port a moment before the engine says that it ended.
    pub(super) async fn explain_seat(&self, plan: &Plan, error: Error) -> Finding {
        let patience = Instant::now() + ENDS_WITHIN;
        while Instant::now() < patience {
            if let Some((member, state)) = self.stopped(plan).await {
                return self.explain_stopped(plan, member, state, error).await;
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
        let Some((member, asked, met)) = self.silent(plan).await else {
            return Finding::Error(error);
        };
        if let Some((member, state)) = self.stopped(plan).await {
            return self.explain_stopped(plan, member, state, error).await;
        }
        if UNSURE.iter().any(|word| met.contains(word)) || !self.all_connected(plan).await {
            return Finding::Error(error);
        }
        // All of it runs as it was made, and nobody but the seat can talk to it.
        let name = &member.name;
        let summary = format!("{name} runs, but what was done to it keeps it from answering");
        let mut evidence = Evidence::new(summary).sent([asked.to_owned()]);
        evidence.expected = Some("an answer, as when the seat was started".to_owned());
        evidence.observed = Some(met);
        evidence.reproduce = Some(format!("labs logs {name}"));
        evidence.fail("service-broken")
    }

    /// A service that does not run, or is paused.
    async fn stopped<'p>(&self, plan: &'p Plan) -> Option<(&'p Member, Option<ContainerState>)> {
        for member in &plan.members {
            let Ok(state) = self.engine.inspect(&plan.container(&member.name)).await else {
                continue;
            };
            if !state.as_ref().is_some_and(|s| s.running && !s.paused) {
                return Some((member, state));
            }
        }
        None
    }

    async fn explain_stopped(
        &self,
        plan: &Plan,
        member: &Member,
        state: Option<ContainerState>,
        error: Error,
    ) -> Finding {
        let container = plan.container(&member.name);
        let said = self.words_of_last_run(&container, state.as_ref()).await;
        service_died(Subject::Own(member), state.as_ref(), &said, Finding::Error(error))
    }

    /// A service that does not answer as it did when it was started; what it was asked, and what came.
    async fn silent<'p>(&self, plan: &'p Plan) -> Option<(&'p Member, &'static str, String)> {
        let gate = self.gate(plan).await.ok()?;
        for member in &plan.members {
            let (Some(protocol), Ok(address)) =
                (member.definition.ready, reach(member, None, &gate))
            else {
                continue;
            };
            if let Err(met) = ready::wait(protocol, address, ANSWERS_WITHIN).await {
                return Some((member, ready::question(protocol), met));
            }
        }
        None
    }

    /// Whether the way to the services is as it was made: the gate works, and nobody took a part off the network.
    async fn all_connected(&self, plan: &Plan) -> bool {
        let network = plan.network();
        let services = plan.members.iter().map(|m| plan.container(&m.name));
        for container in services.chain([plan.gate_name()]) {
            let state = self.engine.inspect(&container).await.ok().flatten();
            let well =
                |s: &ContainerState| s.running && !s.paused && s.addresses.contains_key(&network);
            if !state.as_ref().is_some_and(well) {
                return false;
            }
        }
        true
    }

    /// The last lines that a container wrote since it was last started: older runs ended for other reasons.
    pub(super) async fn words_of_last_run(
        &self,
        container: &str,
        state: Option<&ContainerState>,
    ) -> String {
        let request = LogRequest {
            last: Some(LAST_LINES),
            since: state.and_then(|s| s.started_at).map(|start| start - FIRST_WORDS),
            follow: false,
        };
        let mut logs = self.engine.logs(container, &request);
        let mut text = String::new();
        while let Ok(Some(Ok(line))) = tokio::time::timeout(LOG_WITHIN, logs.next()).await {
            text.push_str(&String::from_utf8_lossy(&line.bytes));
        }
        text
    }

    /// The last lines of a container's log.
    pub(super) async fn last_words(&self, container: &str) -> String {
        self.engine.log_tail(container, LAST_LINES).await.unwrap_or_default()
    }
}

/// The service that died.
#[derive(Debug, Clone, Copy)]
pub enum Subject<'a> {
    /// The learner's: it is there to be looked at afterwards.
    Own(&'a Member),
    /// The copy that a check works on: what it said is all that stays of it.
    Twin(&'a Member),
}

impl Subject<'_> {
    fn member(&self) -> &Member {
        match self {
            Self::Own(member) | Self::Twin(member) => member,
        }
    }

    fn name(&self) -> String {
        match self {
            Self::Own(member) => member.name.clone(),
            Self::Twin(member) => format!("the check's copy of {}", member.name),
        }
    }

    /// As a sentence of an error begins.
    fn title(&self) -> String {
        match self {
            Self::Own(member) => format!("The service {}", member.name),
            Self::Twin(member) => format!("The check's copy of {}", member.name),
        }
    }

    /// How many of the last log lines are shown.
    fn lines(&self) -> usize {
        match self {
            Self::Own(_) => 5,
            Self::Twin(_) => 10,
        }
    }

    /// What shows more of it.
    fn reproduce(&self) -> Option<String> {
        match self {
            Self::Own(member) => Some(format!("labs logs {}", member.name)),
            Self::Twin(_) => None,
        }
    }

    /// What brings it back.
    fn revive(&self) -> &'static str {
        match self {
            Self::Own(_) => BRINGS_BACK,
            Self::Twin(_) => "check again: a new copy is made",
        }
    }
}

/// The seat's own doing is a failure with what was seen; anything else is an error of ours.
///
/// A client that told the service to stop, a limit that was reached, a configuration that the service
/// refuses are the seat's doing. A signal from outside is not, nor is a full disk.
pub fn service_died(
    subject: Subject<'_>,
    state: Option<&ContainerState>,
    log: &str,
    finding: Finding,
) -> Finding {
    let (member, name) = (subject.member(), subject.name());
    let lines: Vec<&str> = log.lines().collect();
    let tail = || lines[lines.len().saturating_sub(subject.lines())..].join("\n");
    let fail = |summary: String| {
        let mut evidence = Evidence::new(summary);
        evidence.observed = Some(tail()).filter(|said| !said.is_empty());
        evidence.reproduce = subject.reproduce();
        evidence.fail(SERVICE_STOPPED)
    };
    let outside = |what: String, help: &str| {
        let why = match finding {
            Finding::Error(error) => error.why.unwrap_or(error.what),
            Finding::Fail(failure) => failure.evidence.summary,
            Finding::Pass(_) => String::new(),
        };
        Finding::Error(Error::infrastructure(what).because(why).help(help))
    };
    let Some(state) = state else {
        let help = match subject {
            Subject::Own(_) => "run 'labs reset' to make the seat anew",
            Subject::Twin(_) => subject.revive(),
        };
        return outside(format!("The container of {name} is gone"), help);
    };
    if state.paused {
        return outside(format!("{} was paused from outside", subject.title()), subject.revive());
    }
    if state.oom_killed {
        let limit = member.definition.memory_mb;
        return fail(format!("{name} used more than its {limit} MiB of memory and was stopped"));
    }
    // Some servers say the same when a signal tells them to stop, and mention the signal before.
    let by_client = member.definition.stopped_by_client.as_deref();
    if state.exit_code == 0
        && by_client.is_some_and(|line| log.contains(line))
        && !log.contains(BY_SIGNAL)
    {
        return fail(format!("{name} was told to shut down by one of its clients"));
    }
    if says_full_disk(log) {
        return Finding::Error(
            Error::infrastructure(format!("{} stopped", subject.title())).because(tail()),
        );
    }
    // 128 and above: a signal ended it. 0: it was told to stop by one.
    if (1..128).contains(&state.exit_code) {
        return fail(format!("{name} stopped by itself (exit code {})", state.exit_code));
    }
    outside(
        format!("{} was stopped from outside (exit code {})", subject.title(), state.exit_code),
        subject.revive(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::Catalog;
    use crate::engine::Status;
    use crate::image::Images;
    use crate::store::SeatRow;

    fn redis() -> Member {
        let catalog = Catalog::new(None);
        let lab = catalog.lab("redis-queues").unwrap();
        let seat = SeatRow {
            id: "redis-queues-abcde".to_owned(),
            lab: lab.slug.clone(),
            workspace: "/home/ada/labs/redis-queues".into(),
            variables: lab.variables.clone(),
            seed: lab.seed.clone(),
            created_at: String::new(),
            lease_until: String::new(),
            ready: true,
        };
        let images = Images::new(catalog.clone());
        let plan = Plan::new(&catalog, &images, &lab, seat, "a1".to_owned(), (1000, 1000));
        plan.unwrap().member("redis").unwrap().clone()
    }

    fn ended(exit_code: i64) -> ContainerState {
        ContainerState {
            id: String::new(),
            name: String::new(),
            status: Status::Exited,
            running: false,
            paused: false,
            exit_code,
            oom_killed: false,
            error: None,
            pid: None,
            started_at: None,
            finished_at: None,
            networks: [].into(),
            addresses: [].into(),
            ports: [].into(),
            labels: [].into(),
            image: String::new(),
            image_id: String::new(),
        }
    }

    fn found(subject: Subject<'_>, log: &str) -> Finding {
        let met = Error::infrastructure("The connection was refused");
        service_died(subject, Some(&ended(1)), log, Finding::Error(met))
    }

    fn evidence(finding: Finding) -> Evidence {
        match finding {
            Finding::Fail(failure) => failure.evidence,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_service_of_the_learner_is_there_to_be_looked_at() {
        let log = (1..=8).map(|n| format!("line {n}\n")).collect::<String>();
        let evidence = evidence(found(Subject::Own(&redis()), &log));
        assert_eq!(evidence.summary, "redis stopped by itself (exit code 1)");
        assert_eq!(evidence.observed.unwrap(), "line 4\nline 5\nline 6\nline 7\nline 8");
        assert_eq!(evidence.reproduce.unwrap(), "labs logs redis");
    }

    #[test]
    fn of_a_twin_its_last_words_are_shown_and_nobody_elses_are_pointed_at() {
        let evidence_of = |log| evidence(found(Subject::Twin(&redis()), log));
        let evidence = evidence_of("Bad file format reading the append only file\n");
        assert_eq!(evidence.summary, "the check's copy of redis stopped by itself (exit code 1)");
        assert_eq!(evidence.observed.unwrap(), "Bad file format reading the append only file");
        assert_eq!(evidence.reproduce, None);
        assert_eq!(evidence_of("").observed, None);
    }

    #[test]
    fn a_full_disk_is_not_the_learners_doing() {
        let said = "Can't open the append-only file: No space left on device\n";
        let Finding::Error(error) = found(Subject::Own(&redis()), said) else { panic!() };
        assert_eq!(error.what, "The service redis stopped");
        assert!(error.is_full_disk());
    }
}
