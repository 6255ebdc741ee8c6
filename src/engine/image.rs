//! The images the engine has.

use std::collections::BTreeMap;

use bollard::query_parameters::{ListImagesOptions, RemoveImageOptions, TagImageOptions};

use super::inspect::label_filter;
use super::{CHANGE, Engine, READ};
use crate::error::Result;

/// An image, and what it takes on disk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImageSummary {
    pub id: String,
    pub tags: Vec<String>,
    /// Bytes, layers shared with other images included.
    pub size: u64,
    /// Seconds since 1970.
    pub created: i64,
    pub labels: BTreeMap<String, String>,
}

impl Engine {
    pub async fn image_exists(&self, tag: &str) -> Result<bool> {
        let what = format!("look for the image {tag}");
        self.find(what, READ, self.docker.inspect_image(tag)).await.map(|found| found.is_some())
    }

    /// All images with every one of `labels` (`key` or `key=value`) and, where given, a tag like `pattern` (`labs/*`).
    pub async fn images(
        &self,
        labels: &[&str],
        pattern: Option<&str>,
    ) -> Result<Vec<ImageSummary>> {
        let mut filters = label_filter(labels);
        if let Some(pattern) = pattern {
            filters.insert("reference".into(), vec![pattern.to_owned()]);
        }
        let options = ListImagesOptions { filters: Some(filters), ..Default::default() };
        let found = self
            .call("list the images".into(), READ, self.docker.list_images(Some(options)))
            .await?;
        let summary = |image: bollard::models::ImageSummary| ImageSummary {
            id: image.id,
            tags: image.repo_tags.into_iter().filter(|tag| tag != "<none>:<none>").collect(),
            size: image.size.try_into().unwrap_or(0),
            created: image.created,
            labels: image.labels.into_iter().collect(),
        };
        Ok(found.into_iter().map(summary).collect())
    }

    /// Removes a tag, and the image with its last one, or an image without a tag by its id; `false` if there was none; an error while a container has it.
    pub async fn image_remove(&self, tag: &str) -> Result<bool> {
        let what = format!("remove the image {tag}");
        let removal = self.docker.remove_image(tag, None::<RemoveImageOptions>, None);
        self.find(what, CHANGE, removal).await.map(|gone| gone.is_some())
    }

    /// Gives an image, by tag or id, one more tag.
    pub async fn image_tag(&self, image: &str, tag: &str) -> Result<()> {
        let (repo, version) = split_tag(tag);
        let options =
            TagImageOptions { repo: Some(repo.to_owned()), tag: Some(version.to_owned()) };
        let what = format!("tag the image {image} as {tag}");
        self.call(what, CHANGE, self.docker.tag_image(image, Some(options))).await
    }
}

/// `host:5000/name:version` into name and version; without one it is `latest`.
pub(super) fn split_tag(tag: &str) -> (&str, &str) {
    match tag.rsplit_once(':') {
        // A colon before a slash belongs to a registry's port.
        Some((repo, version)) if !version.contains('/') => (repo, version),
        _ => (tag, "latest"),
    }
}

#[cfg(test)]
mod tests {
    use super::split_tag;

    #[test]
    fn a_registrys_port_is_no_version() {
        assert_eq!(split_tag("labs/redis:1"), ("labs/redis", "1"));
        assert_eq!(split_tag("labs/redis"), ("labs/redis", "latest"));
        assert_eq!(split_tag("host:5000/redis"), ("host:5000/redis", "latest"));
        assert_eq!(split_tag("host:5000/redis:2"), ("host:5000/redis", "2"));
    }
}
