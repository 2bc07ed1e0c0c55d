//! What a remote says of its refs, and whether the mirror stands there already.

use gix::ObjectId;
use gix::bstr::{BString, ByteSlice};
use gix::protocol::handshake::Ref;

use super::MirrorError;
use crate::git::client::Head;
use crate::git::limits::TAGS_MAX;

/// Name without `refs/tags/`, the object that it names, and the one behind that if it is a tag.
pub(super) type Tag = (String, ObjectId, ObjectId);

/// What the remote said of its refs.
pub(super) struct Listing {
    pub(super) head: Head,
    pub(super) default_branch: Option<String>,
    pub(super) tags: Vec<Tag>,
}

impl Listing {
    pub(super) fn of(refs: &[Ref], wanted: Option<&str>) -> Self {
        let wanted = wanted.map(|branch| branch.strip_prefix("refs/heads/").unwrap_or(branch));
        let mut default_branch = None;
        let mut head_object = None;
        let mut wanted_object = None;
        let mut tags = Vec::new();
        for found in refs {
            let name = name_of(found).to_str_lossy();
            let (target, object, peeled) = match found {
                Ref::Symbolic { target, object, .. } => (Some(target), Some(*object), Some(*object)),
                Ref::Unborn { target, .. } => (Some(target), None, None),
                Ref::Direct { object, .. } => (None, Some(*object), Some(*object)),
                Ref::Peeled { tag, object, .. } => (None, Some(*tag), Some(*object)),
            };
            if name == "HEAD" {
                head_object = object;
                default_branch = target
                    .and_then(|target| target.to_str().ok())
                    .and_then(|target| target.strip_prefix("refs/heads/"))
                    .map(str::to_owned);
            } else if let Some(tag) = name.strip_prefix("refs/tags/") {
                if let (Some(object), Some(peeled)) = (object, peeled)
                    && tags.len() < TAGS_MAX
                {
                    tags.push((tag.to_owned(), object, peeled));
                }
            } else if wanted.is_some() && name.strip_prefix("refs/heads/") == wanted {
                wanted_object = object;
            }
        }
        let missing = |branch: Option<String>| Head::Empty { branch };
        let head = match (wanted, wanted_object, head_object, &default_branch) {
            (Some(branch), Some(commit), _, _) => Head::At {
                branch: Some(branch.to_owned()),
                commit,
            },
            (Some(branch), None, _, _) => missing(Some(branch.to_owned())),
            (None, _, Some(commit), Some(branch)) => Head::At {
                branch: Some(branch.clone()),
                commit,
            },
            (None, _, _, branch) => missing(branch.clone()),
        };
        Self {
            head,
            default_branch,
            tags,
        }
    }
}

pub(super) fn name_of(found: &Ref) -> &BString {
    match found {
        Ref::Peeled { full_ref_name, .. }
        | Ref::Direct { full_ref_name, .. }
        | Ref::Symbolic { full_ref_name, .. }
        | Ref::Unborn { full_ref_name, .. } => full_ref_name,
    }
}

/// Whether branch and reachable tags stand where the remote has them. Reads refs and looks up objects by name only.
pub(super) fn is_up_to_date(
    repo: &gix::Repository,
    branch: &str,
    commit: ObjectId,
    tags: &[Tag],
) -> Result<bool, MirrorError> {
    let standing = |name: &str| -> Option<ObjectId> {
        let reference = repo.try_find_reference(name).ok().flatten()?;
        reference.try_id().map(|id| id.detach())
    };
    if standing(&format!("refs/heads/{branch}")) != Some(commit) || !repo.has_object(commit) {
        return Ok(false);
    }
    // Tags on other branches are not fetched and never here.
    let is_current = |(name, object, peeled): &Tag| {
        !repo.has_object(peeled) || standing(&format!("refs/tags/{name}")) == Some(*object)
    };
    Ok(tags.iter().all(is_current))
}
