//! Builds the tree of one document from parser events.

use std::borrow::Cow;

use saphyr_parser::{Event, Marker, Parser, ScalarStyle, ScanError, Span, StrInput};

use super::alias::{Anchors, Leaves, Size};
use super::keys::{Fields, Key, KeyKind, key_text};
use super::lint::{self, Parent, Refusal, Shape, Source};
use super::repair::Repairs;
use super::tag::resolve;
use super::{Limits, Node, NodeValue, Position, YamlError};

/// Reads the one document in `text`, whose first line is line `base_line` of the file. None if it has no content.
pub(super) fn load(text: &str, base_line: u32, limits: &Limits) -> Result<Option<Node>, YamlError> {
    let mut repairs = Repairs::default();
    let mut text = without_lone_returns(text);
    loop {
        let place = Place::new(&text, base_line);
        match load_once(&text, place, &repairs, limits) {
            Ok(root) => return Ok(root),
            Err(Failure::Refused(error)) => return Err(error),
            Err(Failure::Parser(error)) => match repairs.repair(&text, &error) {
                Some(repaired) => text = Cow::Owned(repaired),
                None => {
                    let (code, message) = lint::explain(error.info());
                    return Err(YamlError::new(code, message, place.of(*error.marker(), &repairs)));
                }
            },
        }
    }
}

/// A carriage return that ends no line is white space, as the package reads it; the parser would break the line.
fn without_lone_returns(text: &str) -> Cow<'_, str> {
    let is_lone = |at: &usize| text.as_bytes()[*at] == b'\r' && text.as_bytes().get(at + 1) != Some(&b'\n');
    if !text.contains('\r') || !(0..text.len()).any(|at| is_lone(&at)) {
        return Cow::Borrowed(text);
    }
    Cow::Owned(
        text.char_indices()
            .map(|(at, char)| if is_lone(&at) { ' ' } else { char })
            .collect(),
    )
}

/// Why a text was not loaded: by the parser, which may be mended, or by what is checked here.
enum Failure {
    Parser(ScanError),
    Refused(YamlError),
}

impl From<YamlError> for Failure {
    fn from(error: YamlError) -> Self {
        Self::Refused(error)
    }
}

fn load_once(text: &str, place: Place, repairs: &Repairs, limits: &Limits) -> Result<Option<Node>, Failure> {
    let mut loader = Loader {
        limits,
        place,
        repairs,
        source: Source::new(text),
        frames: Vec::new(),
        anchors: Anchors::default(),
        nodes: 0,
        root: None,
        root_is_block: false,
        ends_empty: false,
    };
    let mut parser: Parser<'_, StrInput<'_>> = Parser::new_from_str(text);
    while let Some(event) = parser.next_event() {
        let (event, span) = event.map_err(Failure::Parser)?;
        loader.take(event, span)?;
    }
    if loader.root_is_block && loader.ends_empty {
        loader.source.check_end().map_err(|refusal| loader.refused(refusal))?;
    }
    Ok(loader.root)
}

/// Turns places in a document into places in the file, none of them beyond its last line.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place {
    base_line: u32,
    last_line: u32,
    /// The column after the last character.
    last_column: u32,
}

impl Place {
    fn new(text: &str, base_line: u32) -> Self {
        let breaks = text.bytes().filter(|byte| *byte == b'\n').count();
        let last = text.rsplit('\n').next().unwrap_or_default().trim_end_matches('\r');
        Self {
            base_line,
            last_line: base_line.saturating_add(u32::try_from(breaks).unwrap_or(u32::MAX)),
            last_column: u32::try_from(last.chars().count() + 1).unwrap_or(u32::MAX),
        }
    }

    fn of(self, marker: Marker, repairs: &Repairs) -> Position {
        let line = u32::try_from(marker.line().max(1) - 1).unwrap_or(u32::MAX);
        let line = self.base_line.saturating_add(line);
        let column = repairs.original_column(marker.line(), marker.col());
        let column = u32::try_from(column + 1).unwrap_or(u32::MAX);
        if line > self.last_line {
            return Position {
                line: self.last_line,
                column: self.last_column,
            };
        }
        Position { line, column }
    }
}

/// A finished node with what its anchor and its parent want to know.
struct Finished {
    node: Node,
    size: Size,
    leaves: Leaves,
    /// How the node compares as a key.
    key: KeyKind,
    /// What the node is as a key, where its value does not tell.
    name: Option<String>,
}

struct Frame {
    position: Position,
    /// Line of the text, from 1.
    line: usize,
    /// What its items have as their parent.
    kind: Parent,
    /// What it has as its own.
    parent: Parent,
    anchor: usize,
    size: Size,
    leaves: Leaves,
    content: Content,
}

impl Frame {
    /// Whether a node at `position` would be the value of a key without text in the same line.
    fn is_empty_key_of(&self, position: Position) -> bool {
        match &self.content {
            Content::Mapping(fields) => fields.pending.as_ref().is_some_and(|key| {
                key.kind == KeyKind::Null && key.text.is_empty() && key.position.line == position.line
            }),
            Content::Sequence(_) => false,
        }
    }
}

enum Content {
    Sequence(Vec<Node>),
    Mapping(Box<Fields>),
}

struct Loader<'l> {
    limits: &'l Limits,
    place: Place,
    repairs: &'l Repairs,
    source: Source<'l>,
    frames: Vec<Frame>,
    anchors: Anchors,
    nodes: usize,
    root: Option<Node>,
    root_is_block: bool,
    /// Whether the last value has no text at all.
    ends_empty: bool,
}

impl Loader<'_> {
    fn take(&mut self, event: Event<'_>, span: Span) -> Result<(), YamlError> {
        let position = self.place.of(span.start, self.repairs);
        match event {
            Event::Scalar(text, style, anchor, tag) => {
                self.check_scalar(&text, style, span, position)?;
                self.ends_empty = style == ScalarStyle::Plain && span.start.index() == span.end.index();
                self.count(1, position)?;
                let is_block = matches!(style, ScalarStyle::Literal | ScalarStyle::Folded);
                let text = if is_block && self.is_empty_block(&text, span) {
                    Cow::Borrowed("")
                } else {
                    self.repairs.original_text(text)
                };
                let (value, key, name) = resolve(text, style, tag.as_deref(), position)?;
                let leaves = Leaves {
                    has_scalar: true,
                    aliases: Vec::new(),
                };
                let size = Size { nodes: 1, depth: 0 };
                self.finish(
                    anchor,
                    Finished {
                        node: Node { value, position },
                        size,
                        leaves,
                        key,
                        name,
                    },
                )
            }
            Event::Alias(anchor) => {
                let (node, size) = self.anchors.use_once(anchor, self.limits.alias_weight_max, position)?;
                self.count(size.nodes, position)?;
                self.check_depth(self.frames.len() + size.depth, position)?;
                let node = Node {
                    value: node.value.clone(),
                    position,
                };
                let leaves = Leaves {
                    has_scalar: false,
                    aliases: vec![anchor],
                };
                self.finish(
                    0,
                    Finished {
                        node,
                        size,
                        leaves,
                        key: KeyKind::Unequal,
                        name: None,
                    },
                )
            }
            Event::SequenceStart(anchor, _) => self.open(anchor, span, position, Content::Sequence(Vec::new())),
            Event::MappingStart(anchor, _) => self.open(anchor, span, position, Content::Mapping(Box::default())),
            Event::SequenceEnd | Event::MappingEnd => {
                let Some(frame) = self.frames.pop() else { return Ok(()) };
                self.ends_empty &= frame.kind != Parent::Flow;
                if frame.kind == Parent::Flow && frame.parent != Parent::Flow {
                    let last = span.start.line();
                    let closing = self.repairs.original_column(last, span.start.col());
                    let checked = self.source.check_flow_lines(frame.line, last, closing, frame.parent);
                    checked.map_err(|refusal| self.refused(refusal))?;
                }
                let value = match frame.content {
                    Content::Sequence(items) => NodeValue::Sequence(items),
                    Content::Mapping(fields) => NodeValue::Mapping(fields.entries),
                };
                let node = Node {
                    value,
                    position: frame.position,
                };
                let finished = Finished {
                    node,
                    size: frame.size,
                    leaves: frame.leaves,
                    key: KeyKind::Unequal,
                    name: None,
                };
                self.finish(frame.anchor, finished)
            }
            Event::DocumentStart(_) | Event::DocumentEnd | Event::StreamStart | Event::StreamEnd | Event::Nothing => {
                Ok(())
            }
        }
    }

    fn parent(&self) -> Parent {
        self.frames.last().map_or(Parent::Root, |frame| frame.kind)
    }

    fn open(&mut self, anchor: usize, span: Span, position: Position, content: Content) -> Result<(), YamlError> {
        self.count(1, position)?;
        self.check_depth(self.frames.len() + 1, position)?;
        let (line, column) = (span.start.line(), span.start.col());
        let parent = self.parent();
        // The parser puts a sequence that is not indented at its first item, which may be a flow collection: what opens
        // with a bracket has a width, what opens with its first item has none.
        let has_width = span.start.index() < span.end.index();
        let is_flow =
            parent == Parent::Flow || (has_width && matches!(self.source.char_at(line, column), Some('[' | '{')));
        let in_mapping = self
            .frames
            .last()
            .is_some_and(|frame| matches!(frame.content, Content::Mapping(_)));
        let column = match (parent, &content) {
            (Parent::Block(outer), Content::Sequence(_))
                if in_mapping && !has_width && self.source.begins_item(line, outer) =>
            {
                outer
            }
            _ => column,
        };
        let shape = if is_flow {
            Shape::FlowCollection
        } else {
            Shape::BlockCollection
        };
        self.source
            .check_start(line, column, parent, shape)
            .map_err(|refusal| self.refused(refusal))?;
        if !is_flow && self.frames.last().is_some_and(|frame| frame.is_empty_key_of(position)) {
            let message = "a mapping cannot begin in the line of an empty key";
            return Err(YamlError::new("yaml_syntax", message, position));
        }
        self.root_is_block |= !is_flow && self.frames.is_empty();
        let kind = if is_flow { Parent::Flow } else { Parent::Block(column) };
        let size = Size { nodes: 1, depth: 1 };
        self.frames.push(Frame {
            position,
            line,
            kind,
            parent,
            anchor,
            size,
            leaves: Leaves::default(),
            content,
        });
        Ok(())
    }

    fn check_scalar(&self, text: &str, style: ScalarStyle, span: Span, position: Position) -> Result<(), YamlError> {
        let parent = self.parent();
        if style == ScalarStyle::Plain {
            lint::check_plain(text, position)?;
        }
        let line = span.start.line();
        let checked = self
            .source
            .check_start(line, span.start.col(), parent, Shape::Scalar)
            .and_then(|()| match style {
                ScalarStyle::Literal | ScalarStyle::Folded => {
                    self.source.check_after_block_text(line, span.start.col())
                }
                _ => self.source.check_text_lines(line, span.end.line(), parent),
            });
        checked.map_err(|refusal| self.refused(refusal))
    }

    /// A block text of nothing but line breaks is empty unless its header keeps them.
    fn is_empty_block(&self, text: &str, span: Span) -> bool {
        let start = span.start;
        !text.is_empty()
            && text.bytes().all(|byte| byte == b'\n')
            && !self.source.keeps_breaks(start.line(), start.col())
    }

    fn refused(&self, (line, column, message): Refusal) -> YamlError {
        YamlError::new(
            "yaml_syntax",
            message,
            self.place.of(Marker::new(0, line, column), self.repairs),
        )
    }

    fn count(&mut self, nodes: usize, position: Position) -> Result<(), YamlError> {
        self.nodes = self.nodes.saturating_add(nodes);
        if self.nodes > self.limits.nodes_max {
            let message = format!(
                "the document has more than {} nodes (yaml_nodes_max)",
                self.limits.nodes_max
            );
            return Err(YamlError::new("too_many_nodes", message, position));
        }
        Ok(())
    }

    fn check_depth(&self, depth: usize, position: Position) -> Result<(), YamlError> {
        if depth > self.limits.depth_max {
            let message = format!(
                "the document nests deeper than {} levels (yaml_depth_max)",
                self.limits.depth_max
            );
            return Err(YamlError::new("too_deep", message, position));
        }
        Ok(())
    }

    /// Hands a finished node to its anchor and to the collection that it stands in.
    fn finish(&mut self, anchor: usize, finished: Finished) -> Result<(), YamlError> {
        let Finished {
            node,
            size,
            leaves,
            key,
            name,
        } = finished;
        if anchor > 0 {
            self.anchors.keep(anchor, &node, size, leaves.clone());
        }
        let Some(frame) = self.frames.last_mut() else {
            self.root = Some(node);
            return Ok(());
        };
        frame.size.nodes = frame.size.nodes.saturating_add(size.nodes);
        frame.size.depth = frame.size.depth.max(size.depth + 1);
        frame.leaves.add(leaves);
        match &mut frame.content {
            Content::Sequence(items) => {
                items.push(node);
                Ok(())
            }
            Content::Mapping(fields) => match fields.pending.take() {
                None => {
                    let position = node.position;
                    fields.pending = Some(Key {
                        text: name.unwrap_or_else(|| key_text(node)),
                        kind: key,
                        position,
                    });
                    Ok(())
                }
                Some(key) => fields.insert(key, node),
            },
        }
    }
}
