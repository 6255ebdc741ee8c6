//! What the twin is given before the first call, and asked when all calls are over.

use super::Spec;
use crate::error::Result;
use crate::probe::finding::{Evidence, Finding};
use crate::probe::fresh::Fresh;
use crate::probe::scene::Scene;

/// The fresh values that calls, preparations and questions have in common.
pub struct Setting {
    /// What is counted, locked or written to.
    pub key: String,
    values: Fresh,
}

impl Setting {
    pub async fn prepare(spec: &Spec, scene: &Scene<'_>) -> Result<Self> {
        let mut values = Fresh::default();
        let key = values.fill_text("$key");
        for given in &spec.given {
            let (twin, _) = scene.stand()?.twin(None)?;
            given.apply(scene, twin, &mut values).await?;
        }
        Ok(Self { key, values })
    }

    /// The first answer that is not as it should be.
    pub async fn ask(&mut self, spec: &Spec, scene: &Scene<'_>) -> Result<Option<Finding>> {
        for ask in &spec.then {
            let (twin, _) = scene.stand()?.twin(None)?;
            let asked = ask.ready(scene.variables, &mut self.values)?.ask(twin).await?;
            if let Some(mismatch) = asked.mismatch {
                let summary = format!("{} answers something else when all is over", twin.name());
                let evidence = Evidence::new(summary).sent([asked.line]).mismatch(mismatch);
                return Ok(Some(evidence.fail("value")));
            }
        }
        Ok(None)
    }
}
