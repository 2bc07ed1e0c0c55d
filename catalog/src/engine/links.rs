//! Findings about what entities point at and are known by: dangling relations, contested identifiers.
//!
//! They depend on other entities, so they are looked at once a run has brought all it brings.

use bailiwick_schema::{Finding, Severity};

use super::state::State;
use crate::store::{EntityNo, FindingOwner, StoreResult, StoredFinding};

/// Findings of this sort about one entity; the rest is left out.
pub(super) const FINDINGS_PER_ENTITY_MAX: usize = 50;

impl State {
    /// Looks at every entity whose links may have changed since the last look.
    pub(super) fn look_at_links(&mut self) -> StoreResult<()> {
        for no in std::mem::take(&mut self.dirty) {
            let found = self.link_findings(no);
            if found.is_empty() && !self.with_link_findings.contains(&no) {
                continue;
            }
            let owner = FindingOwner::Links(no);
            let origin = self.declaring_claim(no)?;
            let now = self.settings.clock.now();
            let findings = found
                .into_iter()
                .map(|mut finding| {
                    let mut stored = StoredFinding {
                        owner: owner.clone(),
                        source: None,
                        scope: None,
                        first_seen: now,
                        finding: finding.clone(),
                    };
                    if let Some((source, scope, path, line)) = &origin {
                        finding.file = Some(path.clone());
                        finding.line = *line;
                        stored.source = Some(source.clone());
                        stored.scope = Some(scope.clone());
                        stored.finding = finding;
                    }
                    stored
                })
                .collect();
            if self.replace_findings(owner, findings)? {
                self.with_link_findings.insert(no);
            } else {
                self.with_link_findings.remove(&no);
            }
        }
        Ok(())
    }

    fn link_findings(&self, no: EntityNo) -> Vec<Finding> {
        let snapshot = self.builder.current();
        let Some(node) = snapshot.node_unchecked(no) else {
            return Vec::new();
        };
        let mut findings = Vec::new();
        for relation in &node.relations {
            if snapshot.node_unchecked(relation.target).is_some() {
                continue;
            }
            let Some(target) = snapshot.name(relation.target) else {
                continue;
            };
            let name = self.builder.relation_types().name(relation.relation);
            let message = format!(
                "`{}` says {name} `{target}`, which is not in the catalog. Correct the ref, or add what it names",
                node.entity
            );
            findings
                .push(Finding::new("relation_target_missing", Severity::Warning, message).about(node.entity.clone()));
        }
        for claim in &node.identifiers {
            let holders = snapshot.holders(&claim.identifier);
            if !claim.exclusive || holders.iter().filter(|holder| holder.exclusive).count() < 2 {
                continue;
            }
            let mut others: Vec<&str> = holders
                .iter()
                .filter(|holder| holder.exclusive && holder.entity != no)
                .filter_map(|holder| Some(snapshot.name(holder.entity)?.as_str()))
                .collect();
            others.sort_unstable();
            let message = format!(
                "identifier `{}` is claimed by `{}` and by {}; it resolves to none of them until only one is left",
                claim.identifier,
                node.entity,
                others.join(", ")
            );
            findings.push(Finding::new("identifier_contested", Severity::Error, message).about(node.entity.clone()));
        }
        findings.truncate(FINDINGS_PER_ENTITY_MAX);
        findings
    }

    /// Where an entity is declared: source, scope, path and line of the declaration that counts.
    #[expect(clippy::type_complexity, reason = "four values for the one caller above")]
    fn declaring_claim(
        &self,
        no: EntityNo,
    ) -> StoreResult<
        Option<(
            bailiwick_schema::SourceId,
            bailiwick_schema::ScopeId,
            String,
            Option<u32>,
        )>,
    > {
        let mut claims = self.claims_of(no)?;
        crate::core::stitch::order_claims(&mut claims);
        let declaring = claims
            .into_iter()
            .find(|claim| claim.stored.assertion == bailiwick_schema::Assertion::Declares);
        Ok(declaring.map(|claim| {
            let origin = claim.stored.origin;
            (claim.source, claim.scope, origin.path, origin.line)
        }))
    }
}
