use console::style;
use serde::Serialize;

use super::output;
use crate::catalog::Catalog;
use crate::engine::Engine;
use crate::error::Result;
use crate::image::{self, Images};
use crate::store::Store;
use crate::verdict::ErrorReport;

/// Say whether labs can work on this machine, and how to mend what is wrong
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Print one JSON document
    #[arg(long)]
    pub json: bool,
}

#[derive(Serialize)]
struct Finding {
    name: &'static str,
    ok: bool,
    detail: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<ErrorReport>,
}

impl Args {
    pub async fn run(self, catalog: Catalog) -> Result<u8> {
        let mut findings =
            vec![finding("record", Store::open().map(|_| "can be read and written".to_owned()))];
        let engine = Engine::connect();
        match &engine {
            Ok(engine) => {
                let about = engine.info().await.map(|info| {
                    format!(
                        "{} (API {}) at {}, {}, {} CPUs, {} MiB, cgroup v{}",
                        info.version,
                        info.api_version,
                        engine.endpoint().address,
                        info.system,
                        info.cpus,
                        info.memory >> 20,
                        info.cgroup_version
                    )
                });
                let answers = about.is_ok();
                findings.push(finding("engine", about));
                if answers {
                    findings.push(finding("images", images(&catalog, engine).await));
                }
            }
            Err(error) => findings.push(finding("engine", Err(error.clone()))),
        }
        let well = findings.iter().all(|f| f.ok);
        if self.json {
            output::json(&serde_json::json!({ "ok": well, "findings": findings }));
        } else {
            for f in &findings {
                let mark = if f.ok { style("✓").green() } else { style("✗").red() };
                output::print_text(&format!("{mark} {:<8} {}\n", f.name, f.detail));
            }
        }
        Ok(if well { 0 } else { 3 })
    }
}

fn finding(name: &'static str, result: Result<String>) -> Finding {
    match result {
        Ok(detail) => Finding { name, ok: true, detail, error: None },
        Err(error) => {
            Finding { name, ok: false, detail: error.to_string(), error: Some(error.into()) }
        }
    }
}

async fn images(catalog: &Catalog, engine: &Engine) -> Result<String> {
    let all = Images::new(catalog.clone()).all()?;
    let have = image::tags(engine).await?;
    let built = all.iter().filter(|image| have.contains(&image.tag)).count();
    Ok(format!("{built} of {} are built; the others are built when a lab needs them", all.len()))
}
