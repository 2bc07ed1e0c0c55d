//! Pages for people: a landing page, and GraphiQL with everything it needs from the binary.
//!
//! The pages hold no data and need no token; what GraphiQL asks for goes to `/graphql` like any other request. Nothing
//! is loaded from elsewhere, and the content security policy says so.

use axum::body::{Body, Bytes};
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};

/// GraphiQL sets styles from script, so styles may be inline; scripts may not.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; font-src 'self' data:; \
                      img-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'; \
                      frame-ancestors 'none'";

/// A file of the GraphiQL page. Its path has a version, so it may be kept for ever.
pub(super) struct Asset {
    pub(super) path: &'static str,
    content_type: &'static str,
    bytes: &'static [u8],
}

const SCRIPT: &str = "text/javascript; charset=utf-8";
const STYLE: &str = "text/css; charset=utf-8";

pub(super) static ASSETS: [Asset; 6] = [
    Asset {
        path: "/assets/react-18.3.1.js",
        content_type: SCRIPT,
        bytes: include_bytes!("../../assets/vendor/react/react.production.min.js"),
    },
    Asset {
        path: "/assets/react-dom-18.3.1.js",
        content_type: SCRIPT,
        bytes: include_bytes!("../../assets/vendor/react-dom/react-dom.production.min.js"),
    },
    Asset {
        path: "/assets/graphiql-3.9.0.js",
        content_type: SCRIPT,
        bytes: include_bytes!("../../assets/vendor/graphiql/graphiql.min.js"),
    },
    Asset {
        path: "/assets/graphiql-3.9.0.css",
        content_type: STYLE,
        bytes: include_bytes!("../../assets/vendor/graphiql/graphiql.min.css"),
    },
    Asset {
        path: "/assets/start-1.js",
        content_type: SCRIPT,
        bytes: include_bytes!("../../assets/start.js"),
    },
    Asset {
        path: "/assets/page-1.css",
        content_type: STYLE,
        bytes: include_bytes!("../../assets/page.css"),
    },
];

impl Asset {
    pub(super) fn response(&self) -> Response {
        let headers = [
            (header::CONTENT_TYPE, self.content_type),
            (header::CACHE_CONTROL, "public, max-age=31536000, immutable"),
        ];
        (headers, Body::from(Bytes::from_static(self.bytes))).into_response()
    }
}

pub(super) async fn landing() -> Response {
    page(include_str!("../../assets/landing.html"))
}

pub(super) async fn graphiql() -> Response {
    page(include_str!("../../assets/graphiql.html"))
}

fn page(html: &'static str) -> Response {
    let mut response = ([(header::CONTENT_TYPE, "text/html; charset=utf-8")], html).into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
    headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    headers.insert(header::X_FRAME_OPTIONS, HeaderValue::from_static("DENY"));
    response
}
