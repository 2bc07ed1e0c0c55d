//! Writing an answer by its plan: from the graph straight into JSON.
//!
//! Nothing is told of here that went wrong: an error, a value that does not fit its type, a body that cannot be read,
//! all end the writing, and the long way answers instead. So this side writes answers without errors only.

use std::io::Write as _;

use serde::Serialize;

use super::arguments::{Inputs, LongWay, Values};
use super::plan::{
    AggregateField, BucketField, EdgeField, FacetField, Fields, HighlightField, HitField, InfoField, Keyed, PageField,
    Plan, RangeField, Root, SearchField,
};
use crate::catalog::{Bucket, Field, Hit};
use crate::error::ApiError;
use crate::graphql::context::RequestContext;
use crate::graphql::filter::{is_indexed_order, is_quick, parse_ref};
use crate::graphql::query::{self, Counted, EntityPage};
use crate::graphql::search::{self, Hits, characters};

/// Answers beyond this many bytes are written where they hold nobody up.
const AT_ONCE_BYTES: usize = 256 * 1024;
/// Bodies that are read at once; answers with more are written where they hold nobody up.
const AT_ONCE_BODIES: usize = 8;

/// Why the writing ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stop {
    LongWay,
    /// It is too much to be done at once.
    TooMuch,
}

impl From<LongWay> for Stop {
    fn from(_: LongWay) -> Self {
        Self::LongWay
    }
}

impl From<ApiError> for Stop {
    fn from(_: ApiError) -> Self {
        Self::LongWay
    }
}

pub(super) type Done = Result<(), Stop>;

/// Writes the whole answer. With `at_once` it stops where it would hold others up.
pub(super) fn write(cx: &RequestContext, plan: &Plan, inputs: &Inputs<'_>, at_once: bool) -> Result<Vec<u8>, Stop> {
    let mut writer = Writer {
        cx,
        inputs,
        out: Vec::with_capacity(1024),
        at_once,
        bodies: 0,
    };
    writer.raw("{\"data\":");
    writer.object(&plan.roots, None, Writer::root)?;
    let position = cx.snapshot.position().0;
    writer.raw(",\"extensions\":{\"position\":");
    writer.whole(position);
    if let Some(index) = cx.index_position() {
        writer.raw(",\"indexPosition\":");
        writer.whole(index.0);
    }
    writer.raw("}}");
    Ok(writer.out)
}

pub(super) struct Writer<'a> {
    pub(super) cx: &'a RequestContext,
    pub(super) inputs: &'a Inputs<'a>,
    out: Vec<u8>,
    at_once: bool,
    bodies: usize,
}

impl<'a> Writer<'a> {
    pub(super) fn raw(&mut self, text: &str) {
        self.out.extend_from_slice(text.as_bytes());
    }

    pub(super) fn null(&mut self) {
        self.raw("null");
    }

    pub(super) fn whole(&mut self, number: u64) {
        write!(self.out, "{number}").expect("writing to memory cannot fail");
    }

    /// A count, which GraphQL holds in 32 bits.
    pub(super) fn count(&mut self, number: usize) -> Done {
        i32::try_from(number).map_err(|_| Stop::LongWay)?;
        self.whole(number as u64);
        Ok(())
    }

    pub(super) fn flag(&mut self, flag: bool) {
        self.raw(if flag { "true" } else { "false" });
    }

    pub(super) fn text(&mut self, text: &str) {
        let plain = |byte: u8| byte >= 0x20 && byte != b'"' && byte != b'\\';
        if text.bytes().all(plain) {
            self.out.push(b'"');
            self.raw(text);
            self.out.push(b'"');
        } else {
            self.json(text);
        }
    }

    pub(super) fn optional(&mut self, text: Option<&str>) {
        match text {
            Some(text) => self.text(text),
            None => self.null(),
        }
    }

    /// Something that prints without quotes or backslashes.
    pub(super) fn printed(&mut self, value: impl std::fmt::Display) {
        write!(self.out, "\"{value}\"").expect("writing to memory cannot fail");
    }

    pub(super) fn json<T: Serialize + ?Sized>(&mut self, value: &T) {
        serde_json::to_writer(&mut self.out, value).expect("what is written here has string keys only");
    }

    /// An object; without any field it is null, as GraphQL libraries have it.
    pub(super) fn object<T>(
        &mut self,
        fields: &'a [Keyed<T>],
        type_name: Option<&str>,
        mut write: impl FnMut(&mut Self, &'a T) -> Done,
    ) -> Done {
        let mut any = false;
        for field in fields {
            if field.on.as_deref().is_some_and(|on| Some(on) != type_name) {
                continue;
            }
            self.out.push(if any { b',' } else { b'{' });
            any = true;
            self.raw(&field.key);
            write(self, &field.field)?;
        }
        if any {
            self.out.push(b'}');
        } else {
            self.null();
        }
        if self.at_once && self.out.len() > AT_ONCE_BYTES {
            return Err(Stop::TooMuch);
        }
        Ok(())
    }

    pub(super) fn list<I>(
        &mut self,
        items: impl IntoIterator<Item = I>,
        mut write: impl FnMut(&mut Self, I) -> Done,
    ) -> Done {
        self.out.push(b'[');
        let mut any = false;
        for item in items {
            if any {
                self.out.push(b',');
            }
            any = true;
            write(self, item)?;
        }
        self.out.push(b']');
        Ok(())
    }

    /// The canonical JSON of an entity.
    pub(super) fn body(&mut self, node: &crate::catalog::Node) -> Result<Vec<u8>, Stop> {
        self.bodies += 1;
        if self.at_once && self.bodies > AT_ONCE_BODIES {
            return Err(Stop::TooMuch);
        }
        self.cx.catalog().entity_body(node).map_err(|_| Stop::LongWay)
    }

    fn root(&mut self, root: &'a Root) -> Done {
        match root {
            Root::Typename => self.text("Query"),
            Root::Position => self.whole(self.cx.snapshot.position().0),
            Root::Entity { reference, fields } => {
                let reference = parse_ref(reference.read(self.inputs)?)?;
                let cx = self.cx;
                match cx.node(&reference) {
                    Some(node) => self.entity(fields, node)?,
                    None => self.null(),
                }
            }
            Root::Entities { arguments, fields } => {
                let page = match arguments.fixed() {
                    Some(values) => self.entity_page(values)?,
                    None => self.entity_page(&arguments.read(self.inputs)?)?,
                };
                self.object(fields, None, |writer, field| writer.page(&page, field))?;
            }
            Root::Aggregate { arguments, fields } => {
                let values = arguments.read(self.inputs)?;
                let path = query::text_of(&values, "groupBy").and_then(|path| Field::from_path(&path));
                let few_values = !matches!(path, None | Some(Field::Owner | Field::Label));
                if self.at_once && !(few_values && is_quick(super::given(&values, "filter"))) {
                    return Err(Stop::TooMuch);
                }
                let counted = query::count(self.cx, &values)?;
                self.object(fields, None, |writer, field| writer.counted(&counted, field))?;
            }
            Root::Search {
                arguments,
                highlight,
                fields,
            } => {
                if self.at_once {
                    return Err(Stop::TooMuch);
                }
                let values = arguments.read(self.inputs)?;
                let wanted = search::wanted(&values, *highlight)?;
                let hits = search::read(self.cx, wanted, super::given(&values, "filter"))?;
                self.object(fields, None, |writer, field| writer.hits(&hits, field))?;
            }
        }
        Ok(())
    }

    fn entity_page(&self, values: &Values) -> Result<EntityPage, Stop> {
        let given = |name: &str| super::given(values, name);
        if self.at_once && !(is_quick(given("filter")) && is_indexed_order(given("orderBy"))) {
            return Err(Stop::TooMuch);
        }
        Ok(query::entity_page(self.cx, values)?)
    }

    fn page(&mut self, page: &EntityPage, field: &'a PageField) -> Done {
        match field {
            PageField::Typename => self.text("EntityConnection"),
            PageField::TotalCount => self.count(page.total)?,
            PageField::Nodes(fields) => self.list(&page.nodes, |writer, node| writer.entity(fields, node))?,
            PageField::Edges(fields) => self.list(&page.nodes, |writer, node| {
                writer.object(fields, None, |writer, field| {
                    match field {
                        EdgeField::Typename => writer.text("EntityEdge"),
                        EdgeField::Cursor => writer.text(&page.cursor(writer.cx, node)),
                        EdgeField::Node(fields) => writer.entity(fields, node)?,
                    }
                    Ok(())
                })
            })?,
            PageField::PageInfo(fields) => {
                let cx = self.cx;
                let start = || page.nodes.first().map(|node| page.cursor(cx, node));
                let end = || page.nodes.last().map(|node| page.cursor(cx, node));
                self.info(fields, page.has_next, page.has_previous, start, end)?;
            }
        }
        Ok(())
    }

    pub(super) fn info(
        &mut self,
        fields: &'a Fields<InfoField>,
        has_next: bool,
        has_previous: bool,
        start: impl Fn() -> Option<String>,
        end: impl Fn() -> Option<String>,
    ) -> Done {
        self.object(fields, None, |writer, field| {
            match field {
                InfoField::Typename => writer.text("PageInfo"),
                InfoField::HasNextPage => writer.flag(has_next),
                InfoField::HasPreviousPage => writer.flag(has_previous),
                InfoField::StartCursor => writer.optional(start().as_deref()),
                InfoField::EndCursor => writer.optional(end().as_deref()),
            }
            Ok(())
        })
    }

    fn counted(&mut self, counted: &Counted, field: &'a AggregateField) -> Done {
        match field {
            AggregateField::Typename => self.text("Aggregate"),
            AggregateField::Field => self.text(&counted.field),
            AggregateField::TotalCount => self.count(counted.total)?,
            AggregateField::Buckets(fields) => self.buckets(&counted.buckets, fields)?,
        }
        Ok(())
    }

    fn buckets(&mut self, buckets: &[Bucket], fields: &'a Fields<BucketField>) -> Done {
        self.list(buckets, |writer, bucket| {
            writer.object(fields, None, |writer, field| {
                match field {
                    BucketField::Typename => writer.text("Bucket"),
                    BucketField::Value => writer.text(&bucket.value),
                    BucketField::Count => writer.count(bucket.count)?,
                }
                Ok(())
            })
        })
    }

    fn hits(&mut self, hits: &Hits, field: &'a SearchField) -> Done {
        match field {
            SearchField::Typename => self.text("SearchConnection"),
            SearchField::TotalCount => self.count(hits.page.total)?,
            SearchField::Nodes(fields) => self.list(&hits.page.hits, |writer, hit| {
                writer.object(fields, None, |writer, field| writer.hit(hit, field))
            })?,
            SearchField::Fuzzy => self.flag(hits.page.fuzzy),
            SearchField::Facets(fields) => self.list(&hits.page.facets, |writer, facet| {
                writer.object(fields, None, |writer, field| writer.facet(facet, field))
            })?,
            SearchField::PageInfo(fields) => {
                let (start, end) = (|| hits.start_cursor(), || hits.end_cursor());
                self.info(fields, hits.has_next(), hits.offset > 0, start, end)?;
            }
        }
        Ok(())
    }

    fn facet(&mut self, (of, buckets): &(Field, Vec<Bucket>), field: &'a FacetField) -> Done {
        match field {
            FacetField::Typename => self.text("Facet"),
            FacetField::Field => self.text(of.path()),
            FacetField::Buckets(fields) => self.buckets(buckets, fields)?,
        }
        Ok(())
    }

    fn hit(&mut self, hit: &Hit, field: &'a HitField) -> Done {
        match field {
            HitField::Typename => self.text("SearchHit"),
            HitField::Score => self.json(&f64::from(hit.score)),
            HitField::Entity(fields) => self.entity(fields, &hit.node)?,
            HitField::Highlights(fields) => self.list(&hit.highlights, |writer, highlight| {
                writer.object(fields, None, |writer, field| {
                    match field {
                        HighlightField::Typename => writer.text("Highlight"),
                        HighlightField::Field => writer.text(highlight.field),
                        HighlightField::Fragment => writer.text(&highlight.fragment),
                        HighlightField::Ranges(fields) => {
                            writer.list(&highlight.ranges, |writer, range| {
                                writer.range(&highlight.fragment, *range, fields)
                            })?;
                        }
                    }
                    Ok(())
                })
            })?,
        }
        Ok(())
    }

    fn range(&mut self, fragment: &str, (start, end): (usize, usize), fields: &'a Fields<RangeField>) -> Done {
        self.object(fields, None, |writer, field| match field {
            RangeField::Typename => {
                writer.text("HighlightRange");
                Ok(())
            }
            RangeField::Start => writer.count(characters(fragment, start)),
            RangeField::End => writer.count(characters(fragment, end)),
        })
    }
}
