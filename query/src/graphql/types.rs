//! The enums of the API, and the objects whose fields are the keys of the values that [`super::view`] makes.

use async_graphql::dynamic::{Enum, EnumItem, Object};

use super::build::object;

/// The enums of the API, with a word on each.
pub(super) fn enums() -> Vec<Enum> {
    let make = |name: &str, description: &str, items: &[(&str, &str)]| {
        let start = Enum::new(name).description(description);
        items.iter().fold(start, |all, (item, word)| {
            all.item(EnumItem::new(*item).description(*word))
        })
    };
    vec![
        make(
            "SortDirection",
            "Which way to order.",
            &[("ASC", "Smallest first."), ("DESC", "Largest first.")],
        ),
        make(
            "RelationDirection",
            "Which half of a relation.",
            &[
                ("OUTGOING", "The entity has the relation to the target."),
                (
                    "INCOMING",
                    "The target has the relation to the entity; it is shown under its inverse name.",
                ),
                ("BOTH", "Either."),
            ],
        ),
        make(
            "RunStatus",
            "Where a run stands.",
            &[
                ("QUEUED", "Waiting for the run before it."),
                ("RUNNING", "Reading."),
                ("SUCCEEDED", "Every scope was seen whole."),
                ("PARTIAL", "It ended by itself, but some scopes were not seen whole."),
                ("FAILED", "It ended with an error."),
                ("CANCELLED", "It was stopped."),
                ("INTERRUPTED", "The process ended before it did."),
            ],
        ),
        make(
            "Severity",
            "How bad a finding is.",
            &[
                ("INFO", "Worth knowing; nothing is missing because of it."),
                ("WARNING", "Something could not be used as written."),
                (
                    "ERROR",
                    "Something that should be in the catalog is not, or may be stale.",
                ),
            ],
        ),
        make(
            "ChangeKind",
            "What happened to an entity.",
            &[
                ("CREATED", "It appeared, or came back."),
                ("UPDATED", "It changed."),
                ("DELETED", "It went."),
            ],
        ),
        make(
            "CommitCause",
            "Why a commit was made.",
            &[
                ("INGEST", "A source delivered."),
                ("SWEEP", "A proved absence removed claims."),
                ("RULES", "Kinds, ranks or rules changed."),
                ("OPERATOR", "A person decided something."),
            ],
        ),
        make(
            "SweepDecisionKind",
            "What to do with a held sweep.",
            &[
                ("APPROVE", "Remove what is still missing."),
                ("REJECT", "Keep it, and stay quiet until the set changes."),
            ],
        ),
        make(
            "OwnerOutcome",
            "How the look-up of an owner ended.",
            &[
                ("OWNED", "One entity was found, and it has an owner."),
                ("UNOWNED", "One entity was found; nobody owns it."),
                (
                    "CONTESTED",
                    "Several entities claim the identifier as theirs alone, so it counts for none.",
                ),
                ("AMBIGUOUS", "Several entities share the identifier."),
                ("NOTHING", "Nothing in the catalog is known by this name."),
            ],
        ),
    ]
}

/// The objects whose fields are the keys of the values made below.
pub(super) fn objects() -> Vec<Object> {
    vec![
        object(
            "PageInfo",
            "Where a page stands.",
            &[
                ("hasNextPage", "Boolean!", "More follows."),
                ("hasPreviousPage", "Boolean!", "Something comes before."),
                ("startCursor", "String", "Cursor of the first entry."),
                ("endCursor", "String", "Cursor of the last entry, for `after`."),
            ],
        ),
        object(
            "Ownership",
            "Who owns an entity, how that is known, and who disagrees.",
            &[
                (
                    "owners",
                    "[EntityLink!]!",
                    "The effective owners, the leading one first.",
                ),
                ("evidence", "[OwnerEvidence!]!", "All that is known, strongest first."),
            ],
        ),
        object(
            "OwnerEvidence",
            "One link of the chain of evidence.",
            &[
                (
                    "method",
                    "String!",
                    "`explicit`, `codeowners`, `label`, `inherited`, `repository_admin` or `committers`.",
                ),
                ("who", "[String!]!", "Whom the evidence names, as it names them."),
                ("owners", "[EntityLink!]!", "The known entities among them."),
                ("detail", "String!", "Where it is written."),
                (
                    "source",
                    "String",
                    "The source that says so; null for what follows from other entities.",
                ),
                ("origin", "String", "Where in the source."),
                (
                    "standing",
                    "String!",
                    "`decisive`, `agrees`, `overruled` or `unresolved`.",
                ),
            ],
        ),
        object(
            "EntityVersion",
            "One version of an entity.",
            &[
                ("ref", "String!", "The entity."),
                ("position", "Long!", "The commit that made it."),
                ("at", "DateTime!", "When."),
                ("change", "ChangeKind!", "What happened."),
                ("etag", "String!", "Hash of the content."),
                ("owners", "[EntityLink!]!", "The effective owners then."),
                (
                    "oldestKept",
                    "Boolean!",
                    "Whether what came before it, if anything did, is past its retention and no longer kept.",
                ),
            ],
        ),
        object(
            "FindingConnection",
            "A page of findings.",
            &[
                ("totalCount", "Int!", "All findings that pass, whatever the page."),
                ("nodes", "[Finding!]!", "The findings."),
                ("pageInfo", "PageInfo!", "Where the page stands."),
            ],
        ),
        object(
            "Finding",
            "A problem in the data, shown to whoever can fix it.",
            &[
                ("id", "ID!", "Tells it apart from others."),
                ("code", "String!", "Stable code, such as `duplicate_ref`."),
                ("severity", "Severity!", "How bad it is."),
                ("message", "String!", "What is wrong and what to do."),
                ("source", "String", "The source that read it."),
                ("scope", "String", "The part of the source."),
                ("file", "String", "The file within the scope."),
                ("line", "Int", "From 1."),
                ("column", "Int", "From 1, in characters."),
                ("ref", "String", "The entity that it is about."),
                ("firstSeen", "DateTime!", "Since when it is known."),
            ],
        ),
        object(
            "RunConnection",
            "Runs, newest first.",
            &[("nodes", "[IngestionRun!]!", "The runs.")],
        ),
        object(
            "IngestionRun",
            "One execution of a source.",
            &[
                ("id", "ID!", "Sortable by start."),
                ("source", "String!", "The source."),
                ("sourceType", "String", "Its type."),
                ("cause", "String", "`startup`, `schedule`, `event` or `operator`."),
                ("status", "RunStatus!", "Where it stands."),
                ("startedAt", "DateTime", "When it began."),
                ("endedAt", "DateTime", "When it ended."),
                (
                    "position",
                    "Long",
                    "The last commit that carries something of it; null if it changed nothing.",
                ),
                ("counts", "RunCounts", "What it did."),
                ("error", "String", "Why it failed."),
                ("telemetry", "JSON", "Counters that the source kept."),
            ],
        ),
        object(
            "RunCounts",
            "What a run did, in numbers.",
            &[
                ("scopesOpened", "Long!", "Scopes that were begun."),
                ("scopesProved", "Long!", "Scopes that were seen whole."),
                ("scopesUnchanged", "Long!", "Scopes in which nothing had to be read."),
                ("claimsDelivered", "Long!", "Claims that the source made."),
                ("claimsChanged", "Long!", "Claims that were new or different."),
                ("claimsRemoved", "Long!", "Claims that went."),
                ("claimsPending", "Long!", "Claims that a held sweep would have removed."),
                ("entitiesChanged", "Long!", "Entities whose content differs now."),
                ("events", "Long!", "Events."),
                ("findings", "Long!", "Findings."),
                ("commits", "Long!", "Commits."),
            ],
        ),
        object(
            "IngestionSource",
            "A source, as configured and as known.",
            &[
                ("id", "ID!", "The id in the configuration."),
                ("type", "String", "Its type."),
                ("schedule", "String", "Cron expression."),
                ("timeZone", "String", "Time zone of the schedule."),
                ("nextRunAt", "DateTime", "When it is due."),
                ("running", "ID", "The run that reads now."),
                ("queued", "ID", "The run that waits."),
                ("failures", "Int!", "Failures in a row."),
                ("scopes", "Long!", "Scopes that are held."),
                ("claims", "Long!", "Claims that are held."),
                (
                    "retired",
                    "Boolean!",
                    "It left the configuration; its claims stay until they are purged.",
                ),
                ("lastRun", "IngestionRun", "The newest run of the ledger."),
            ],
        ),
        object(
            "PendingSweep",
            "A removal that waits for a decision.",
            &[
                ("id", "ID!", "For `decideSweep`."),
                ("source", "String!", "The source."),
                ("scope", "String!", "The scope that was seen whole."),
                ("state", "String!", "`pending`, `rejected` or `due`."),
                ("reason", "String", "Why it is held."),
                ("run", "ID!", "The run that saw it."),
                ("provedAt", "DateTime!", "When the absence was seen."),
                ("claims", "Long!", "Claims that it would remove."),
                ("heldInScope", "Long!", "Claims that the scope holds."),
                ("entities", "[EntityLink!]!", "Entities concerned, the first 100."),
                ("retires", "[String!]!", "Scopes that would be retired."),
            ],
        ),
        object(
            "AppliedSweep",
            "A removal that was done.",
            &[
                ("id", "ID!", "For `undoSweep`."),
                ("at", "DateTime!", "When."),
                ("by", "String!", "Who decided."),
                ("removed", "Long!", "Claims that it removed."),
            ],
        ),
        object(
            "SweepResult",
            "What a decision did.",
            &[
                ("claims", "Long!", "Claims removed, or brought back by `undoSweep`."),
                ("appliedId", "ID", "For `undoSweep`."),
                ("position", "Long!", "The commit that carries it."),
            ],
        ),
        object(
            "ChangeConnection",
            "Entries of the change log.",
            &[
                ("nodes", "[Change!]!", "The changes."),
                (
                    "logBegins",
                    "Long!",
                    "The oldest position that is kept; what came before is past its retention.",
                ),
            ],
        ),
        object(
            "Change",
            "One entry of the change log.",
            &[
                ("position", "Long!", "The commit."),
                ("ordinal", "Int!", "Its place within the commit."),
                ("at", "DateTime!", "When."),
                ("cause", "CommitCause!", "Why."),
                ("source", "String", "The source that delivered it."),
                ("run", "ID", "The run that delivered it."),
                ("ref", "String!", "The entity."),
                ("change", "ChangeKind!", "What happened."),
                ("target", "EntityLink!", "The entity, to go on from."),
            ],
        ),
        object(
            "Explanation",
            "Where the fields of an entity come from.",
            &[
                ("ref", "String!", "The entity."),
                ("fields", "[FieldExplanation!]!", "Field by field."),
            ],
        ),
        object(
            "FieldExplanation",
            "Who says what about one field.",
            &[
                ("path", "String!", "Dotted path of the field."),
                ("value", "JSON", "What holds."),
                ("winner", "Say", "Who decided it; null where all contribute."),
                ("losers", "[Say!]!", "Who said otherwise."),
                ("contributors", "[Say!]!", "Who contributed to a united set."),
            ],
        ),
        object(
            "Say",
            "What one source says about a field.",
            &[
                ("source", "String!", "The source."),
                ("scope", "String!", "The scope."),
                ("path", "String!", "The file or path within the scope."),
                ("line", "Int", "From 1."),
                ("url", "String", "Where a person can look at it."),
                ("version", "String", "Commit or version under which it was read."),
                ("assertion", "String!", "`declares` or `observes`."),
                ("requestedAt", "DateTime!", "When it was asked for last."),
                ("since", "DateTime!", "Since when it has said so."),
                ("stale", "Boolean!", "Its origin could not be read lately."),
                ("value", "JSON", "What it says."),
                ("reason", "String!", "Why it won or lost."),
            ],
        ),
        object(
            "Aggregate",
            "Values of a field, most frequent first.",
            &[
                ("field", "String!", "The path that was grouped by."),
                ("totalCount", "Int!", "Entities that pass the filter."),
                ("buckets", "[Bucket!]!", "Values with their counts."),
            ],
        ),
        object(
            "Facet",
            "Values of a field among the hits of a search.",
            &[
                ("field", "String!", "The path."),
                ("buckets", "[Bucket!]!", "Values with their counts."),
            ],
        ),
        object(
            "Bucket",
            "A value and how many entities have it.",
            &[("value", "String!", "The value."), ("count", "Int!", "How many.")],
        ),
        object(
            "Highlight",
            "Where a hit matches.",
            &[
                ("field", "String!", "The field."),
                ("fragment", "String!", "A piece of it, as plain text."),
                ("ranges", "[HighlightRange!]!", "What matches, within the fragment."),
            ],
        ),
        object(
            "HighlightRange",
            "A range of characters.",
            &[
                ("start", "Int!", "First character, from 0."),
                ("end", "Int!", "Behind the last character."),
            ],
        ),
    ]
}
