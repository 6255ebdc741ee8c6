//! Docker contexts: the CLI's named engines, read from its configuration folder.

use std::fs;
use std::io::ErrorKind;
use std::path::Path;

use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::connect::Surroundings;
use crate::error::{Error, Result};

/// The context that stands for "no context".
const DEFAULT: &str = "default";

#[derive(Debug, PartialEq, Eq)]
pub(super) struct Context {
    pub name: String,
    pub host: String,
    /// Whether the context has TLS material.
    pub tls: bool,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Config {
    current_context: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Meta {
    #[serde(default)]
    endpoints: Endpoints,
}

#[derive(Deserialize, Default)]
struct Endpoints {
    docker: Option<DockerEndpoint>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct DockerEndpoint {
    host: Option<String>,
}

/// The context in force, `None` for the default one.
pub(super) fn current(around: &Surroundings) -> Result<Option<Context>> {
    let Some(dir) = &around.config_dir else { return Ok(None) };
    let name = match &around.docker_context {
        Some(name) => Some(name.clone()),
        None => read::<Config>(&dir.join("config.json"))?.and_then(|config| config.current_context),
    };
    match name.filter(|name| !name.is_empty() && name != DEFAULT) {
        Some(name) => load(dir, name).map(Some),
        None => Ok(None),
    }
}

fn load(dir: &Path, name: String) -> Result<Context> {
    // The CLI keeps each context under the digest of its name.
    let id = crate::digest::sha256(&name);
    let file = dir.join("contexts/meta").join(&id).join("meta.json");
    let unusable = |why: &str| {
        Error::infrastructure(format!("the Docker context '{name}' cannot be used"))
            .at(file.display().to_string())
            .because(why)
            .help("see 'docker context ls'; choose another with 'docker context use NAME' or DOCKER_CONTEXT")
    };
    let meta = read::<Meta>(&file)?
        .ok_or_else(|| unusable("there is no such context, or this user may not read it"))?;
    let host = meta
        .endpoints
        .docker
        .and_then(|docker| docker.host)
        .filter(|host| !host.is_empty())
        .ok_or_else(|| unusable("it names no Docker engine"))?;
    let tls = dir.join("contexts/tls").join(&id).join("docker").is_dir();
    Ok(Context { name, host, tls })
}

/// `None` where the file does not exist, or is another user's: the CLI goes on without it too.
fn read<T: DeserializeOwned>(path: &Path) -> Result<Option<T>> {
    let unreadable = |why: String| {
        Error::infrastructure("cannot read the Docker CLI's configuration")
            .at(path.display().to_string())
            .because(why)
            .help("mend the file, or set DOCKER_HOST to go round it")
    };
    let text = match fs::read(path) {
        Ok(text) => text,
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::PermissionDenied) => {
            return Ok(None);
        }
        Err(error) => return Err(unreadable(error.to_string())),
    };
    serde_json::from_slice(&text).map(Some).map_err(|error| unreadable(error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    // The digest of "desktop-linux", as the CLI names its folder.
    const DESKTOP_LINUX: &str = "fe9c6bd7a66301f49ca9b6a70b217107cd1284598bfc254700c989b916da791e";

    fn config(dir: &Path, current: &str) {
        fs::write(
            dir.join("config.json"),
            format!(r#"{{"auths":{{}},"currentContext":"{current}"}}"#),
        )
        .unwrap();
    }

    fn meta(dir: &Path, text: &str) {
        let folder = dir.join("contexts/meta").join(DESKTOP_LINUX);
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join("meta.json"), text).unwrap();
    }

    fn around(dir: &Path) -> Surroundings {
        Surroundings { config_dir: Some(dir.to_owned()), ..Surroundings::default() }
    }

    #[test]
    fn the_current_context_is_read() {
        let dir = tempfile::tempdir().unwrap();
        config(dir.path(), "desktop-linux");
        meta(
            dir.path(),
            r#"{"Name":"desktop-linux","Metadata":{},"Endpoints":{"docker":{"Host":"unix:///d.sock","SkipTLSVerify":false}}}"#,
        );
        let found = current(&around(dir.path())).unwrap().unwrap();
        assert_eq!(found.host, "unix:///d.sock");
        assert!(!found.tls);
    }

    #[test]
    fn the_variable_wins_and_default_means_none() {
        let dir = tempfile::tempdir().unwrap();
        config(dir.path(), "desktop-linux");
        let around = Surroundings { docker_context: Some(DEFAULT.into()), ..around(dir.path()) };
        assert_eq!(current(&around).unwrap(), None);
    }

    #[test]
    fn no_configuration_means_none() {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(current(&around(dir.path())).unwrap(), None);
    }

    #[test]
    fn missing_faulty_and_empty_contexts_are_explained() {
        let dir = tempfile::tempdir().unwrap();
        config(dir.path(), "desktop-linux");
        assert!(current(&around(dir.path())).unwrap_err().why.unwrap().contains("no such context"));
        meta(dir.path(), r#"{"Endpoints":{}}"#);
        assert!(
            current(&around(dir.path()))
                .unwrap_err()
                .why
                .unwrap()
                .contains("names no Docker engine")
        );
        meta(dir.path(), "{");
        let error = current(&around(dir.path())).unwrap_err();
        assert!(error.place.unwrap().ends_with("meta.json"));
    }
}
