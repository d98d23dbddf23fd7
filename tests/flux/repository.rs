//! A Git repository as kustomize-controller sees one: a GitRepository whose status names an archive. source-controller,
//! which would fetch it and write that status, is what this stands in for.

use crate::harness::{RunDir, objects};
use axum::Router;
use axum::body::Body;
use kube::api::{Api, ApiResource, DynamicObject, GroupVersionKind, Patch, PatchParams};
use serde_json::json;
use sha2::{Digest, Sha256};
use std::net::Ipv4Addr;
use std::path::PathBuf;

const NAMESPACE: &str = "flux-system";
const NAME: &str = "dr";

const DECLARATION: &str = r"
apiVersion: source.toolkit.fluxcd.io/v1
kind: GitRepository
metadata: {name: dr, namespace: flux-system}
spec: {interval: 10s, url: 'https://git.invalid/dr', ref: {branch: main}}
";

/// The repository, its working copy and its server, which ends with the test.
pub struct Repository {
    copy: PathBuf,
    archives: PathBuf,
    server: String,
    client: kube::Client,
}

impl Repository {
    /// An empty one.
    pub async fn serve(client: &kube::Client) -> Self {
        let dir = RunDir::create("repository").unwrap();
        let (copy, archives) = (dir.join("copy"), dir.join("archives"));
        for folder in [&copy, &archives] {
            std::fs::create_dir_all(folder).unwrap();
        }
        let listener = tokio::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let server = format!("http://{}", listener.local_addr().unwrap());
        let folder = archives.clone();
        let get = axum::routing::get(async move |axum::extract::Path(name): axum::extract::Path<String>| {
            std::fs::read(folder.join(name)).map(Body::from).map_err(|_| http::StatusCode::NOT_FOUND)
        });
        tokio::spawn(async move { axum::serve(listener, Router::new().route("/{name}", get)).await });
        objects::apply(client, DECLARATION).await;
        Self { copy, archives, server, client: client.clone() }
    }

    /// Writes a file, without a commit.
    pub fn write(&self, path: &str, text: &str) {
        let path = self.copy.join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }

    /// Removes a file, and the folder that it leaves empty, as Git does; without a commit.
    pub fn remove(&self, path: &str) {
        let mut path = self.copy.join(path);
        std::fs::remove_file(&path).unwrap();
        while path.pop() && path != self.copy && std::fs::remove_dir(&path).is_ok() {}
    }

    /// Commits what is in the working copy, has it seen in the cluster, and returns its revision.
    pub async fn commit(&self) -> String {
        let archive = self.archives.join("next");
        let tar = std::process::Command::new("tar")
            .args(["--create", "--gzip", "--file"])
            .arg(&archive)
            .arg("--directory")
            .arg(&self.copy)
            .arg(".")
            .status();
        assert!(tar.as_ref().is_ok_and(std::process::ExitStatus::success), "tar: {tar:?}");
        let bytes = std::fs::read(&archive).unwrap();
        let digest: String = Sha256::digest(&bytes).iter().map(|byte| format!("{byte:02x}")).collect();
        let name = format!("{digest}.tar.gz");
        std::fs::rename(&archive, self.archives.join(&name)).unwrap();
        let revision = format!("main@sha1:{}", &digest[..40]);
        let now = jiff::Timestamp::now().to_string();
        let status = json!({"status": {
            "artifact": {
                "url": format!("{}/{name}", self.server), "path": name, "revision": revision, "digest": format!("sha256:{digest}"),
                "size": bytes.len(), "lastUpdateTime": now,
            },
            "conditions": [{"type": "Ready", "status": "True", "reason": "Succeeded", "message": "stored", "lastTransitionTime": now}],
        }});
        let resource = ApiResource::from_gvk(&GroupVersionKind::gvk("source.toolkit.fluxcd.io", "v1", "GitRepository"));
        let api: Api<DynamicObject> = Api::namespaced_with(self.client.clone(), NAMESPACE, &resource);
        api.patch_status(NAME, &PatchParams::default(), &Patch::Merge(&status)).await.unwrap();
        revision
    }
}
