//! What is on the engine, asked beside the program under test.

use std::collections::HashMap;
use std::future::Future;

use bollard::models::{
    ContainerCreateBody, HostConfig, NetworkConnectRequest, NetworkCreateRequest,
    NetworkDisconnectRequest, VolumeCreateRequest,
};
use bollard::query_parameters::{
    CreateContainerOptionsBuilder, KillContainerOptions, ListContainersOptions, ListImagesOptions,
    ListNetworksOptions, ListVolumesOptions, RemoveImageOptions, RemoveVolumeOptions,
};
use bollard::{API_DEFAULT_VERSION, Docker};
use labs::engine::{Address, Engine};
use serde::Serialize;
use serde_json::Value;

/// The names of everything that carries a label.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Found {
    pub containers: Vec<String>,
    pub networks: Vec<String>,
    pub volumes: Vec<String>,
}

impl Found {
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// Everything that carries the label (`key=value`), sorted by name.
pub fn labelled(label: &str) -> Found {
    let filters = || Some(HashMap::from([("label".to_owned(), vec![label.to_owned()])]));
    ask(|docker| async move {
        let options = ListContainersOptions { all: true, filters: filters(), ..Default::default() };
        let containers = docker.list_containers(Some(options)).await.unwrap();
        let networks =
            docker.list_networks(Some(ListNetworksOptions { filters: filters() })).await.unwrap();
        let volumes =
            docker.list_volumes(Some(ListVolumesOptions { filters: filters() })).await.unwrap();
        let plain = |name: String| name.trim_start_matches('/').to_owned();
        let mut found = Found {
            containers: containers
                .into_iter()
                .map(|c| plain(c.names.unwrap_or_default().swap_remove(0)))
                .collect(),
            networks: networks.into_iter().filter_map(|n| n.name).collect(),
            volumes: volumes.volumes.unwrap_or_default().into_iter().map(|v| v.name).collect(),
        };
        found.containers.sort();
        found.networks.sort();
        found.volumes.sort();
        found
    })
}

/// A container as the engine describes it; `None` if there is none of that name.
pub fn container(name: &str) -> Option<Value> {
    ask(|docker| async move { docker.inspect_container(name, None).await.ok().map(document) })
}

/// A network as the engine describes it.
pub fn network(name: &str) -> Value {
    ask(|docker| async move { document(docker.inspect_network(name, None).await.unwrap()) })
}

/// Whether the engine refuses to remove a network for what is on it, and says itself that nothing is. Some versions
/// miscount where a container starts while another goes, and notice at their next start
/// ("fixing inconsistent endpoint_cnt").
pub fn is_miscounted(network: &str) -> bool {
    ask(|docker| async move {
        let Ok(found) = docker.inspect_network(network, None).await else { return false };
        let is_empty = found.containers.unwrap_or_default().is_empty();
        let refusal = docker.remove_network(network).await.err().map(|why| why.to_string());
        is_empty && refusal.is_some_and(|why| why.contains("has active endpoints"))
    })
}

/// Sends SIGKILL to a container's first process; `false` if it did not run.
pub fn kill(container: &str) -> bool {
    let options = KillContainerOptions { signal: "SIGKILL".to_owned() };
    ask(|docker| async move { docker.kill_container(container, Some(options)).await.is_ok() })
}

/// Whether there is a container, running or not, with this in its environment (`NAME=value`).
pub fn is_there_with(variable: &str) -> bool {
    ask(|docker| async move {
        let options = ListContainersOptions { all: true, ..Default::default() };
        for listed in docker.list_containers(Some(options)).await.unwrap() {
            // One that has gone meanwhile is not there.
            let found = docker.inspect_container(&listed.id.unwrap(), None).await.ok();
            let env = found.and_then(|found| found.config?.env).unwrap_or_default();
            if env.iter().any(|set| set == variable) {
                return true;
            }
        }
        false
    })
}

/// Removes what the builder has kept of a step with this in it.
pub fn forget_step(text: &str) {
    ask(|docker| async move {
        let filters = HashMap::from([("dangling".to_owned(), vec!["true".to_owned()])]);
        let options = ListImagesOptions { filters: Some(filters), ..Default::default() };
        for image in docker.list_images(Some(options)).await.unwrap() {
            // One that has gone meanwhile is forgotten.
            let steps = docker.image_history(&image.id).await.unwrap_or_default();
            if steps.first().is_some_and(|step| step.created_by.contains(text)) {
                let _ = docker.remove_image(&image.id, None::<RemoveImageOptions>, None).await;
            }
        }
    });
}

/// Removes a tag, and the image with its last one; `false` if it is not there, or in use.
pub fn remove_image(tag: &str) -> bool {
    ask(
        |docker| async move { docker.remove_image(tag, None::<RemoveImageOptions>, None).await.is_ok() },
    )
}

/// Freezes a container's processes.
pub fn pause(container: &str) {
    ask(|docker| async move { docker.pause_container(container).await.unwrap() });
}

/// Makes a network and a volume of these names, without labels.
pub fn make_unlabelled(network: &str, volume: &str) {
    let (network, volume) = (network.to_owned(), volume.to_owned());
    ask(|docker| async move {
        let request = NetworkCreateRequest { name: network, ..NetworkCreateRequest::default() };
        docker.create_network(request).await.unwrap();
        let request = VolumeCreateRequest { name: Some(volume), ..VolumeCreateRequest::default() };
        docker.create_volume(request).await.unwrap();
    });
}

/// Removes a network and a volume; whether both were there.
pub fn remove_both(network: &str, volume: &str) -> bool {
    ask(|docker| async move {
        let network = docker.remove_network(network).await.is_ok();
        docker.remove_volume(volume, None::<RemoveVolumeOptions>).await.is_ok() && network
    })
}

/// Makes a container of the image of another that has a volume, and does not start it.
pub fn make_with_volume(name: &str, like: &str, volume: &str) {
    let image = container(like).unwrap()["Image"].as_str().unwrap().to_owned();
    let host = HostConfig { binds: Some(vec![format!("{volume}:/data")]), ..HostConfig::default() };
    let body =
        ContainerCreateBody { image: Some(image), host_config: Some(host), ..Default::default() };
    let options = CreateContainerOptionsBuilder::new().name(name).build();
    ask(|docker| async move { docker.create_container(Some(options), body).await.unwrap() });
}

pub fn remove_container(name: &str) {
    ask(|docker| async move { docker.remove_container(name, None).await.unwrap() });
}

/// Puts a container on a network.
pub fn connect(container: &str, network: &str) {
    let request = NetworkConnectRequest {
        container: container.to_owned(),
        ..NetworkConnectRequest::default()
    };
    ask(|docker| async move { docker.connect_network(network, request).await.unwrap() });
}

/// Takes a container off a network.
pub fn disconnect(container: &str, network: &str) {
    let request = NetworkDisconnectRequest { container: container.to_owned(), force: Some(true) };
    ask(|docker| async move { docker.disconnect_network(network, request).await.unwrap() });
}

fn document(description: impl Serialize) -> Value {
    serde_json::to_value(description).unwrap()
}

fn ask<T, F: Future<Output = T>>(question: impl FnOnce(Docker) -> F) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let engine = Engine::connect().unwrap();
        let docker = match &engine.endpoint().address {
            Address::Unix(path) => {
                Docker::connect_with_unix(path.to_str().unwrap(), 30, API_DEFAULT_VERSION)
            }
            Address::Tcp(host) => Docker::connect_with_http(host, 30, API_DEFAULT_VERSION),
        };
        question(docker.unwrap()).await
    })
}
