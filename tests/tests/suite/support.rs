//! The real pieces, put together as the binary does it, on temporary folders.

mod api;
mod git;
mod home;

pub(crate) use api::Api;
pub(crate) use git::Repo;
pub(crate) use home::Home;

/// A component that is valid, with a description to be found by.
pub(crate) fn component(name: &str, description: &str) -> String {
    format!(
        "apiVersion: backstage.io/v1alpha1\nkind: Component\nmetadata:\n  name: {name}\n  description: {description}\n\
         spec:\n  type: service\n  lifecycle: production\n  owner: team-a\n"
    )
}
