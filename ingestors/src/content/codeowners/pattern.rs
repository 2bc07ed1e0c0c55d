//! Path patterns of both dialects, compiled to steps over path segments.
//!
//! Matching is linear in practice and quadratic at worst: both levels (segments, characters) remember only the last
//! wildcard, which is enough for patterns without alternation.

/// A compiled pattern.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Pattern {
    steps: Vec<Step>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Step {
    /// Any number of segments, also none.
    Many,
    /// Exactly one segment.
    One(Segment),
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Segment {
    Any,
    Literal(Box<[u8]>),
    Glob(Box<[Part]>),
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    Byte(u8),
    AnyChar,
    Star,
    Set {
        negated: bool,
        ranges: Vec<(char, char)>,
    },
    /// A set without its closing bracket: matches nothing.
    Never,
}

impl Pattern {
    /// GitHub: gitignore rules, without character sets.
    ///
    /// A slash at the beginning or in the middle anchors at the root; a trailing slash means everything below; a last
    /// segment of `*` stands for direct children only; anything else also matches everything below it.
    pub(super) fn github(pattern: &str) -> Self {
        let anchored = pattern.strip_prefix('/');
        let mut segments: Vec<&str> = anchored.unwrap_or(pattern).split('/').collect();
        let below = segments.len() > 1 && segments.last() == Some(&"");
        if below {
            segments.pop();
        }
        let mut steps = Vec::with_capacity(segments.len() + 2);
        if anchored.is_none() && segments.len() == 1 {
            steps.push(Step::Many);
        }
        let last = segments.len() - 1;
        for (index, segment) in segments.iter().enumerate() {
            match *segment {
                "**" => steps.push(Step::Many),
                other => steps.push(Step::One(Segment::compile(other, false))),
            }
            if index == last && *segment != "**" && *segment != "*" && !below {
                steps.push(Step::Many);
            }
        }
        // `dir/` and `dir/**` mean what is below, never the path itself.
        if below || segments[last] == "**" {
            steps.push(Step::One(Segment::Any));
            steps.push(Step::Many);
        }
        Self { steps }
    }

    /// GitLab: a pattern already normalised to start with a slash, by the rules of `File.fnmatch`.
    pub(super) fn gitlab(normalised: &str) -> Self {
        let segments: Vec<&str> = normalised.strip_prefix('/').unwrap_or(normalised).split('/').collect();
        let last = segments.len() - 1;
        let steps = segments
            .iter()
            .enumerate()
            .map(|(index, segment)| match *segment {
                "**" if index != last => Step::Many,
                other => Step::One(Segment::compile(other, true)),
            })
            .collect();
        Self { steps }
    }

    /// Does the pattern match a path given as its segments?
    pub(super) fn matches(&self, path: &[&[u8]]) -> bool {
        let (mut step, mut at) = (0, 0);
        let mut retry: Option<(usize, usize)> = None;
        loop {
            match self.steps.get(step) {
                None if at == path.len() => return true,
                Some(Step::Many) => {
                    step += 1;
                    retry = Some((step, at));
                    continue;
                }
                Some(Step::One(segment)) if path.get(at).is_some_and(|name| segment.matches(name)) => {
                    step += 1;
                    at += 1;
                    continue;
                }
                _ => {}
            }
            match retry {
                Some((after, from)) if from < path.len() => {
                    retry = Some((after, from + 1));
                    step = after;
                    at = from + 1;
                }
                _ => return false,
            }
        }
    }

    /// True for patterns that match every path, such as `*` and `**`.
    pub(super) fn is_universal(&self) -> bool {
        let ones = self.steps.iter().filter(|step| **step != Step::Many).count();
        let any = self
            .steps
            .iter()
            .filter(|step| **step == Step::One(Segment::Any))
            .count();
        ones == any && ones <= 1 && self.steps.len() > ones
    }
}

impl Segment {
    fn compile(text: &str, sets: bool) -> Self {
        if !text.is_empty() && text.bytes().all(|byte| byte == b'*') {
            return Self::Any;
        }
        let mut parts = Vec::with_capacity(text.len());
        let mut rest = text;
        while let Some(first) = rest.chars().next() {
            rest = &rest[first.len_utf8()..];
            match first {
                '*' if parts.last() == Some(&Part::Star) => {}
                '*' => parts.push(Part::Star),
                '?' => parts.push(Part::AnyChar),
                '[' if sets => {
                    let (part, left) = set(rest);
                    parts.push(part);
                    rest = left;
                }
                '\\' => match rest.chars().next() {
                    Some(escaped) => {
                        rest = &rest[escaped.len_utf8()..];
                        push_char(&mut parts, escaped);
                    }
                    None => parts.push(Part::Byte(b'\\')),
                },
                other => push_char(&mut parts, other),
            }
        }
        let literal: Option<Vec<u8>> = parts
            .iter()
            .map(|part| match part {
                Part::Byte(byte) => Some(*byte),
                _ => None,
            })
            .collect();
        match literal {
            Some(bytes) => Self::Literal(bytes.into()),
            None => Self::Glob(parts.into()),
        }
    }

    fn matches(&self, name: &[u8]) -> bool {
        match self {
            Self::Any => true,
            Self::Literal(bytes) => **bytes == *name,
            Self::Glob(parts) => glob(parts, name),
        }
    }
}

/// Reads a character set behind its opening bracket; gives the part and what follows it.
fn set(text: &str) -> (Part, &str) {
    let (negated, body) = match text.strip_prefix(['!', '^']) {
        Some(rest) => (true, rest),
        None => (false, text),
    };
    let mut ranges = Vec::new();
    let mut chars = body.char_indices().peekable();
    while let Some((at, first)) = chars.next() {
        if first == ']' {
            return (Part::Set { negated, ranges }, &body[at + 1..]);
        }
        let Some(low) = unescape(first, &mut chars) else { break };
        let mut high = low;
        if chars.peek().is_some_and(|(_, next)| *next == '-') {
            let mut ahead = chars.clone();
            ahead.next();
            if let Some((_, end)) = ahead.next()
                && end != ']'
            {
                let Some(end) = unescape(end, &mut ahead) else { break };
                high = end;
                chars = ahead;
            }
        }
        ranges.push((low, high));
    }
    (Part::Never, "")
}

fn unescape(first: char, rest: &mut std::iter::Peekable<std::str::CharIndices<'_>>) -> Option<char> {
    if first == '\\' {
        rest.next().map(|(_, escaped)| escaped)
    } else {
        Some(first)
    }
}

fn push_char(parts: &mut Vec<Part>, char: char) {
    let mut buffer = [0; 4];
    parts.extend(char.encode_utf8(&mut buffer).bytes().map(Part::Byte));
}

fn glob(parts: &[Part], name: &[u8]) -> bool {
    let (mut part, mut at) = (0, 0);
    let mut retry: Option<(usize, usize)> = None;
    loop {
        match parts.get(part) {
            None if at == name.len() => return true,
            Some(Part::Star) => {
                part += 1;
                retry = Some((part, at));
                continue;
            }
            Some(single) => {
                if let Some(length) = single.consumes(&name[at..]) {
                    part += 1;
                    at += length;
                    continue;
                }
            }
            None => {}
        }
        match retry {
            Some((after, from)) if from < name.len() => {
                let next = from + char_length(&name[from..]);
                retry = Some((after, next));
                part = after;
                at = next;
            }
            _ => return false,
        }
    }
}

impl Part {
    /// Bytes that this part takes from the front of `text`, `None` when it does not match there.
    fn consumes(&self, text: &[u8]) -> Option<usize> {
        let first = *text.first()?;
        match self {
            Self::Byte(byte) => (*byte == first).then_some(1),
            Self::AnyChar => Some(char_length(text)),
            Self::Set { negated, ranges } => {
                let length = char_length(text);
                let char = std::str::from_utf8(&text[..length]).ok()?.chars().next()?;
                (ranges.iter().any(|(low, high)| (*low..=*high).contains(&char)) != *negated).then_some(length)
            }
            Self::Star | Self::Never => None,
        }
    }
}

/// Length in bytes of the character at the front; 1 inside broken text.
fn char_length(text: &[u8]) -> usize {
    let tail = text
        .iter()
        .skip(1)
        .take(3)
        .take_while(|byte| **byte & 0xc0 == 0x80)
        .count();
    if text.first().is_some_and(|byte| *byte >= 0xc0) {
        1 + tail
    } else {
        1
    }
}
