//! Whose values a lab is shown and started with.

use crate::error::Result;
use crate::seed::Seed;
use crate::store::Store;

/// `--seed` and `--learner`.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct Keyed {
    /// Draw the lab's keyed values from this seed: the same seed gives the same values, on any machine
    #[arg(long, value_name = "SEED", conflicts_with = "learner")]
    pub seed: Option<String>,
    /// Draw them for this learner [default: LABS_LEARNER, else your user name]
    #[arg(long, value_name = "NAME")]
    pub learner: Option<String>,
}

impl Keyed {
    /// The seed of a lab that has no seat yet.
    ///
    /// # Errors
    /// A seed or name that is no plain text; the installation's secret cannot be read.
    pub fn seed(&self, store: &Store, lab: &str) -> Result<Seed> {
        match (&self.seed, &self.learner) {
            (Some(seed), _) => Seed::given(seed),
            (None, Some(name)) => store.secret()?.seed(name, lab),
            (None, None) => store.secret()?.seed(&usual_learner(), lab),
        }
    }
}

fn usual_learner() -> String {
    let named = |name| std::env::var(name).ok().filter(|value| !value.trim().is_empty());
    ["LABS_LEARNER", "USER", "LOGNAME"].into_iter().find_map(named).unwrap_or("learner".to_owned())
}
