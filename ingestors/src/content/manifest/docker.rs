//! Dockerfiles: base images by stage, exposed ports, labels of the image specification, the last user.
//!
//! `ARG` defaults before the first `FROM` are filled in; what stays open keeps its `$`. Format: Dockerfile reference,
//! syntax 1.x; labels: OCI image specification, "Annotations".

use std::collections::{BTreeMap, HashMap};

use serde::Serialize;

use super::{DESCRIPTION_CHARS_MAX, Manifest, NAME_CHARS_MAX, Names, Problem, text};

/// Most build stages kept.
const STAGES_MAX: usize = 100;
/// Most labels kept.
const LABELS_MAX: usize = 50;
/// Most variables kept.
const VARIABLES_MAX: usize = 200;
/// Most instructions read.
const INSTRUCTIONS_MAX: usize = 10_000;
/// Labels kept: those of the OCI image specification.
const LABEL_PREFIX: &str = "org.opencontainers.image.";

/// What a Dockerfile says of its image.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct ImageFile {
    /// Every `FROM`, in file order.
    pub stages: Vec<BaseImage>,
    /// The image that the last stage stands on, through the stages before it; `None` where there is no `FROM`.
    pub base: Option<String>,
    /// `EXPOSE`, as `8080` or `53/udp`.
    pub exposed_ports: Names,
    /// Labels that start with `org.opencontainers.image.`
    pub labels: BTreeMap<String, String>,
    /// `USER` of the last stage.
    pub user: Option<String>,
}

/// One build stage.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct BaseImage {
    /// Image or name of an earlier stage, variables filled in where they have defaults.
    pub image: String,
    /// `AS name`, in lower case.
    pub stage: Option<String>,
    /// Index of the earlier stage that `image` names.
    pub of_stage: Option<usize>,
}

pub(super) fn read(bytes: &[u8], manifest: &mut Manifest) -> Result<bool, Problem> {
    let content = text::utf8(bytes)?;
    let mut file = ImageFile::default();
    let mut variables: HashMap<String, String> = HashMap::new();
    for (keyword, arguments) in instructions(content) {
        match keyword.as_str() {
            "ARG" if file.stages.is_empty() => {
                for pair in words(&arguments) {
                    if let Some((name, value)) = pair.split_once('=')
                        && variables.len() < VARIABLES_MAX
                    {
                        let value = fill(value, &variables);
                        variables.insert(name.to_owned(), value);
                    }
                }
            }
            "FROM" if file.stages.len() < STAGES_MAX => {
                from(&arguments, &variables, &mut file);
                file.user = None;
            }
            "EXPOSE" => words(&arguments)
                .iter()
                .for_each(|port| file.exposed_ports.push_new(port)),
            "USER" => file.user = text::tidy(&arguments, NAME_CHARS_MAX),
            "LABEL" => labels(&arguments, &mut file.labels),
            _ => {}
        }
    }
    if file.stages.is_empty() {
        return Err(Problem::new("manifest_incomplete", "has no `FROM` instruction"));
    }
    file.base = base(&file.stages);
    for stage in file
        .stages
        .iter()
        .filter(|stage| stage.of_stage.is_none() && stage.image != "scratch")
    {
        manifest.dependencies.push_new(&stage.image);
    }
    let label = |name: &str| {
        file.labels
            .get(&format!("{LABEL_PREFIX}{name}"))
            .cloned()
            .filter(|value| !value.contains('$'))
    };
    manifest.name = label("title");
    manifest.version = label("version");
    manifest.description = label("description");
    manifest.licence = label("licenses");
    manifest.image = Some(file);
    Ok(true)
}

/// Instructions with their arguments: continuation lines joined, comments and here-documents left out.
fn instructions(content: &str) -> Vec<(String, String)> {
    let escape = escape_character(content);
    let mut found = Vec::new();
    let mut lines = content.lines();
    while let Some(line) = lines.next() {
        let mut logical = String::new();
        let mut part = line;
        loop {
            let trimmed = part.trim();
            // Comment lines inside a continued instruction are dropped, as the builder does.
            if !trimmed.starts_with('#') {
                match trimmed.strip_suffix(escape) {
                    Some(head) => {
                        logical.push_str(head);
                        logical.push(' ');
                    }
                    None => {
                        logical.push_str(trimmed);
                        if !trimmed.is_empty() || logical.is_empty() {
                            break;
                        }
                    }
                }
            } else if logical.is_empty() {
                break;
            }
            match lines.next() {
                Some(next) => part = next,
                None => break,
            }
        }
        let (keyword, arguments) = logical
            .trim()
            .split_once(char::is_whitespace)
            .unwrap_or((logical.trim(), ""));
        if keyword.is_empty() {
            continue;
        }
        let keyword = text::clip(keyword, 32).to_ascii_uppercase();
        if matches!(keyword.as_str(), "RUN" | "COPY" | "ADD") {
            for end in here_documents(arguments) {
                lines
                    .by_ref()
                    .find(|line| line.trim_start_matches('\t').trim_end() == end);
            }
        }
        found.push((keyword, arguments.trim().to_owned()));
        if found.len() >= INSTRUCTIONS_MAX {
            break;
        }
    }
    found
}

/// The parser directive `# escape=`` at the top.
fn escape_character(content: &str) -> char {
    let directives = content.lines().map_while(|line| line.trim().strip_prefix('#'));
    let escape = directives
        .filter_map(|line| line.split_once('='))
        .find(|(name, _)| name.trim().eq_ignore_ascii_case("escape"));
    escape
        .and_then(|(_, value)| value.trim().chars().next())
        .unwrap_or('\\')
}

/// Words that end the here-documents opened in `arguments`.
fn here_documents(arguments: &str) -> Vec<&str> {
    const HERE_DOCUMENTS_MAX: usize = 8;
    let opened = arguments
        .split("<<")
        .skip(1)
        .take(HERE_DOCUMENTS_MAX)
        .filter_map(|rest| {
            let rest = rest.strip_prefix('-').unwrap_or(rest).trim_start_matches(['"', '\'']);
            let end = rest
                .find(|char: char| !(char.is_ascii_alphanumeric() || char == '_'))
                .unwrap_or(rest.len());
            (end > 0 && rest.starts_with(|char: char| char.is_ascii_alphabetic() || char == '_')).then(|| &rest[..end])
        });
    opened.collect()
}

fn from(arguments: &str, variables: &HashMap<String, String>, file: &mut ImageFile) {
    let words: Vec<&str> = arguments
        .split_whitespace()
        .filter(|word| !word.starts_with("--"))
        .collect();
    let Some(written) = words.first() else { return };
    let image = text::clip(&fill(written, variables), NAME_CHARS_MAX);
    let stage = match (words.get(1), words.get(2)) {
        (Some(keyword), Some(name)) if keyword.eq_ignore_ascii_case("as") => {
            Some(text::clip(name, NAME_CHARS_MAX).to_ascii_lowercase())
        }
        _ => None,
    };
    let of_stage = file.stages.iter().rposition(|earlier| {
        earlier
            .stage
            .as_deref()
            .is_some_and(|name| name.eq_ignore_ascii_case(&image))
    });
    file.stages.push(BaseImage { image, stage, of_stage });
}

/// Follows the last stage back; a stage names only earlier ones, so this ends.
fn base(stages: &[BaseImage]) -> Option<String> {
    let mut stage = stages.last()?;
    while let Some(earlier) = stage.of_stage.and_then(|index| stages.get(index)) {
        stage = earlier;
    }
    Some(stage.image.clone())
}

/// `$NAME`, `${NAME}`, `${NAME:-default}` filled from `variables`; what is not known stays.
fn fill(written: &str, variables: &HashMap<String, String>) -> String {
    const FILLED_BYTES_MAX: usize = 2048;
    let mut out = String::new();
    let mut rest = written.trim_matches(['"', '\'']);
    while let Some(at) = rest.find('$') {
        out.push_str(&rest[..at]);
        let after = &rest[at + 1..];
        let (token, left) = match after.strip_prefix('{').and_then(|inner| inner.split_once('}')) {
            Some((inner, left)) => (inner, left),
            None => after.split_at(
                after
                    .find(|char: char| !(char.is_ascii_alphanumeric() || char == '_'))
                    .unwrap_or(after.len()),
            ),
        };
        let (name, default) = token
            .split_once(":-")
            .or_else(|| token.split_once('-'))
            .map_or((token, None), |(name, default)| (name, Some(default)));
        match variables
            .get(name)
            .map(String::as_str)
            .filter(|value| !value.is_empty())
            .or(default)
        {
            Some(value) => out.push_str(value),
            None => out.push_str(&rest[at..rest.len() - left.len()]),
        }
        rest = left;
        if out.len() > FILLED_BYTES_MAX {
            return out;
        }
    }
    out.push_str(rest);
    out
}

/// `key=value key="two words"`, or the old form `key value`.
fn labels(arguments: &str, labels: &mut BTreeMap<String, String>) {
    let words = words(arguments);
    let pairs: Vec<(String, String)> = if words.first().is_some_and(|first| first.contains('=')) {
        words
            .iter()
            .filter_map(|word| word.split_once('='))
            .map(|(key, value)| (key.to_owned(), value.to_owned()))
            .collect()
    } else {
        words
            .split_first()
            .map(|(key, rest)| (key.clone(), rest.join(" ")))
            .into_iter()
            .collect()
    };
    for (key, value) in pairs {
        if key.starts_with(LABEL_PREFIX) && key.len() <= NAME_CHARS_MAX && labels.len() < LABELS_MAX {
            labels.insert(key, text::clip(&text::one_line(&value), DESCRIPTION_CHARS_MAX));
        }
    }
}

/// Words by white space; quotes hold words together and go, a backslash keeps what follows it.
fn words(arguments: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut word = String::new();
    let (mut quote, mut started, mut escaped) = (None, false, false);
    for char in arguments.chars() {
        if escaped {
            escaped = false;
            word.push(char);
        } else if char == '\\' {
            (escaped, started) = (true, true);
        } else if quote == Some(char) {
            quote = None;
        } else if quote.is_none() && matches!(char, '"' | '\'') {
            (quote, started) = (Some(char), true);
        } else if quote.is_none() && char.is_whitespace() {
            if started {
                words.push(std::mem::take(&mut word));
                started = false;
            }
        } else {
            word.push(char);
            started = true;
        }
    }
    if started {
        words.push(word);
    }
    words
}
