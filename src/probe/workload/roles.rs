//! Which function of the program plays which part.

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

use super::MAX_CLIENTS;
use crate::error::{Error, Result};
use crate::model::Model;
use crate::probe::Call;
use crate::probe::fresh::Fresh;
use crate::template::{Var, Variables};

#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Roles {
    pub put: Option<Role>,
    pub take: Option<Role>,
    pub ack: Option<Role>,
    pub recover: Option<Role>,
    pub publish: Option<Role>,
    pub subscribe: Option<Role>,
    /// Subscribes when messages have already been published.
    pub late: Option<Role>,
    /// Counts one more; returns the value after it.
    pub add: Option<Role>,
    /// Takes one away where there is one; returns whether there was.
    pub draw: Option<Role>,
    /// Tries to get the lock; returns whether it did, or a token for the release.
    pub acquire: Option<Role>,
    /// Gives back the lock that the caller has; returns whether it had it.
    pub release: Option<Role>,
    pub write: Option<Role>,
    /// Returns the value, or nothing where there is none.
    pub read: Option<Role>,
}

/// A function, what it is called with, and by how many processes.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Role {
    pub call: String,
    /// `$value`, `$priority`, `$worker`, `$channel`, `$key`, `$token` stand for what the workload gives; left out, the role's usual ones.
    pub args: Option<Vec<Value>>,
    #[serde(default = "one")]
    pub clients: Var<u32>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RoleKind {
    Put,
    Take,
    Ack,
    Recover,
    Publish,
    Subscribe,
    Late,
    Add,
    Draw,
    Acquire,
    Release,
    Write,
    Read,
}

impl RoleKind {
    const ALL: [Self; 13] = [
        Self::Put,
        Self::Take,
        Self::Ack,
        Self::Recover,
        Self::Publish,
        Self::Subscribe,
        Self::Late,
        Self::Add,
        Self::Draw,
        Self::Acquire,
        Self::Release,
        Self::Write,
        Self::Read,
    ];

    fn name(self) -> &'static str {
        match self {
            Self::Put => "put",
            Self::Take => "take",
            Self::Ack => "ack",
            Self::Recover => "recover",
            Self::Publish => "publish",
            Self::Subscribe => "subscribe",
            Self::Late => "late",
            Self::Add => "add",
            Self::Draw => "draw",
            Self::Acquire => "acquire",
            Self::Release => "release",
            Self::Write => "write",
            Self::Read => "read",
        }
    }

    fn usual_args(self) -> &'static [&'static str] {
        match self {
            Self::Put => &["$value"],
            Self::Take => &[],
            Self::Ack => &["$worker", "$value"],
            Self::Recover => &["$worker"],
            Self::Publish => &["$channel", "$value"],
            Self::Subscribe | Self::Late => &["$channel"],
            Self::Add | Self::Draw | Self::Read => &["$key"],
            Self::Acquire | Self::Release => &["$key", "$worker"],
            Self::Write => &["$key", "$value"],
        }
    }

    /// Whether those who play another part make the calls.
    fn is_aside(self) -> bool {
        matches!(self, Self::Ack | Self::Recover | Self::Release)
    }
}

fn one() -> Var<u32> {
    Var::Literal(1)
}

impl Roles {
    fn find(&self, kind: RoleKind) -> Option<&Role> {
        match kind {
            RoleKind::Put => self.put.as_ref(),
            RoleKind::Take => self.take.as_ref(),
            RoleKind::Ack => self.ack.as_ref(),
            RoleKind::Recover => self.recover.as_ref(),
            RoleKind::Publish => self.publish.as_ref(),
            RoleKind::Subscribe => self.subscribe.as_ref(),
            RoleKind::Late => self.late.as_ref(),
            RoleKind::Add => self.add.as_ref(),
            RoleKind::Draw => self.draw.as_ref(),
            RoleKind::Acquire => self.acquire.as_ref(),
            RoleKind::Release => self.release.as_ref(),
            RoleKind::Write => self.write.as_ref(),
            RoleKind::Read => self.read.as_ref(),
        }
    }

    pub fn has(&self, kind: RoleKind) -> bool {
        self.find(kind).is_some()
    }

    /// How many processes play a part.
    pub fn clients(&self, kind: RoleKind, variables: &Variables) -> Result<u32> {
        self.find(kind).map_or(Ok(0), |role| role.clients.get(variables))
    }

    /// The call that plays a part with these values.
    pub fn call(
        &self,
        kind: RoleKind,
        values: &[(&str, &str)],
        variables: &Variables,
    ) -> Result<Call> {
        let role = self
            .find(kind)
            .ok_or_else(|| Error::usage(format!("The workload has no role {}", kind.name())))?;
        let mut fresh = Fresh::default();
        for (name, value) in values {
            fresh.bind(name, value);
        }
        let args = match &role.args {
            Some(args) => args.iter().map(|a| variables.resolve(a)).collect::<Result<Vec<_>>>()?,
            None => kind.usual_args().iter().map(|a| Value::from(*a)).collect(),
        };
        Ok(Call { call: role.call.clone(), args: args.iter().map(|a| fresh.fill(a)).collect() })
    }

    pub fn lint(&self, needed: &[RoleKind], model: Model, variables: &Variables) -> Result<()> {
        if let Some(missing) = needed.iter().find(|kind| !self.has(**kind)) {
            return Err(Error::usage(format!(
                "A {model} workload needs the role {}",
                missing.name()
            )));
        }
        let mut clients = 0;
        for kind in RoleKind::ALL {
            let own = self.clients(kind, variables)?;
            clients += if kind.is_aside() { 0 } else { own };
            let args = self.find(kind).and_then(|role| role.args.as_deref()).unwrap_or_default();
            args.iter().try_for_each(|arg| variables.resolve(arg).map(drop))?;
        }
        if clients > MAX_CLIENTS {
            return Err(Error::usage(format!("The workload has {clients} clients"))
                .help(format!("at most {MAX_CLIENTS}")));
        }
        Ok(())
    }
}
