//! The description of the HTTP surface, as it is checked in. GraphQL itself is described by its SDL.

use serde_json::{Value, json};

use super::operate::VERSION;
use crate::catalog::Part;

/// The OpenAPI document.
pub fn document() -> Value {
    let json_of = |description: &str, schema: Value| json!({ "description": description, "content": { "application/json": { "schema": schema } } });
    let text_of = |description: &str, media: &str| json!({ "description": description, "content": { media: { "schema": { "type": "string" } } } });
    let error = json!({ "$ref": "#/components/responses/Error" });
    let graphql_answer = json!({
        "description": "What was asked for, and errors.",
        "content": {
            "application/json": { "schema": { "$ref": "#/components/schemas/GraphQLResponse" } },
            "application/graphql-response+json": { "schema": { "$ref": "#/components/schemas/GraphQLResponse" } },
        },
    });
    let at_least = json!({
        "name": "Bailiwick-At-Least", "in": "header", "required": false, "schema": { "type": "integer", "minimum": 0 },
        "description": "Wait until the catalog has reached this position.",
    });
    let open = json!([]);
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Bailiwick",
            "version": VERSION,
            "license": { "name": "Apache-2.0", "identifier": "Apache-2.0" },
            "description": "GraphQL is the main contract; its schema is `schema.graphql` beside this file. These are the routes around it.",
        },
        "security": [{ "token": [] }],
        "paths": {
            "/": { "get": { "operationId": "landing", "summary": "A page that leads on", "security": open, "responses": { "200": text_of("The page.", "text/html") } } },
            "/graphiql": { "get": { "operationId": "graphiql", "summary": "GraphiQL, from the binary", "security": open, "responses": { "200": text_of("The page.", "text/html") } } },
            "/graphql": {
                "get": {
                    "operationId": "graphqlGet",
                    "summary": "Runs a GraphQL query; never a mutation",
                    "parameters": [
                        { "name": "query", "in": "query", "required": true, "schema": { "type": "string" } },
                        { "name": "operationName", "in": "query", "required": false, "schema": { "type": "string" } },
                        { "name": "variables", "in": "query", "required": false, "schema": { "type": "string" }, "description": "JSON" },
                        { "name": "extensions", "in": "query", "required": false, "schema": { "type": "string" }, "description": "JSON; `atLeast` names a position to wait for." },
                        at_least,
                    ],
                    "responses": { "200": graphql_answer, "default": error },
                },
                "post": {
                    "operationId": "graphqlPost",
                    "summary": "Runs a GraphQL operation",
                    "parameters": [at_least],
                    "requestBody": { "required": true, "content": { "application/json": { "schema": { "$ref": "#/components/schemas/GraphQLRequest" } } } },
                    "responses": { "200": graphql_answer, "default": error },
                },
            },
            "/healthz": { "get": { "operationId": "healthz", "summary": "Whether the process is there", "security": open, "responses": { "200": json_of("It is.", json!({ "type": "object", "properties": { "status": { "const": "ok" } } })) } } },
            "/readyz": {
                "get": {
                    "operationId": "readyz",
                    "summary": "Whether queries answer",
                    "security": open,
                    "responses": {
                        "200": json_of("They do.", json!({ "$ref": "#/components/schemas/Readiness" })),
                        "503": json_of("They do not; the reasons say why.", json!({ "$ref": "#/components/schemas/Readiness" })),
                    },
                },
            },
            "/metrics": { "get": { "operationId": "metrics", "summary": "Metrics for Prometheus; `metrics.txt` lists them", "responses": { "200": text_of("OpenMetrics text.", "application/openmetrics-text"), "default": error } } },
            "/api/v1/version": { "get": { "operationId": "version", "summary": "Version and position of the server", "responses": { "200": json_of("The version.", json!({ "$ref": "#/components/schemas/Version" })), "default": error } } },
            "/api/v1/export": {
                "get": {
                    "operationId": "export",
                    "summary": "All entities, one a line; a broken connection means that it is not whole",
                    "parameters": [{ "name": "content", "in": "query", "required": false, "schema": { "type": "boolean", "default": false }, "description": "Leave out what is allotted and not content." }],
                    "responses": {
                        "200": {
                            "description": "Entities as NDJSON.",
                            "headers": { "Bailiwick-Position": { "schema": { "type": "integer" }, "description": "Position when it began." } },
                            "content": { "application/x-ndjson": { "schema": { "type": "string" } } },
                        },
                        "default": error,
                    },
                },
            },
            "/api/v1/backup": {
                "post": {
                    "operationId": "backup",
                    "summary": "The whole catalog as one moment has it, for `bailiwick restore`; needs a token that operates",
                    "description": "Taken without stopping writes. The file ends with a trailer that counts and hashes what came before: an answer without it, or one whose connection broke, is no backup. `bailiwick backup --server URL --out FILE` checks that.",
                    "requestBody": { "required": true, "content": { "application/json": { "schema": { "type": "object" } } } },
                    "responses": {
                        "200": {
                            "description": "The backup.",
                            "headers": { "Bailiwick-Position": { "schema": { "type": "integer" }, "description": "Position when it was asked for; the backup holds this or a later one." } },
                            "content": { "application/octet-stream": { "schema": { "type": "string", "format": "binary" } } },
                        },
                        "default": error,
                    },
                },
            },
            "/api/v1/trim": {
                "post": {
                    "operationId": "trim",
                    "summary": "Forgets what is past its retention; needs a token that operates",
                    "description": "Between its batches commits go on. A server does the same once a day by itself.",
                    "requestBody": { "required": true, "content": { "application/json": { "schema": { "type": "object" } } } },
                    "responses": { "200": json_of("What was removed.", json!({ "$ref": "#/components/schemas/Trimmed" })), "default": error },
                },
            },
            "/api/v1/verify": {
                "post": {
                    "operationId": "verify",
                    "summary": "Rebuilds everything derived and compares it by hash",
                    "requestBody": { "required": false, "content": { "application/json": { "schema": { "type": "object" } } } },
                    "responses": { "200": json_of("What was compared.", json!({ "$ref": "#/components/schemas/VerifyReport" })), "default": error },
                },
            },
        },
        "components": {
            "securitySchemes": {
                "token": { "type": "http", "scheme": "bearer", "description": "A token made by `bailiwick token new`. Not needed on a server without tokens, which listens on loopback only." },
            },
            "responses": { "Error": json_of("What went wrong.", json!({ "$ref": "#/components/schemas/Errors" })) },
            "schemas": {
                "Errors": {
                    "type": "object",
                    "required": ["errors"],
                    "properties": { "errors": { "type": "array", "items": {
                        "type": "object",
                        "required": ["message", "extensions"],
                        "properties": {
                            "message": { "type": "string" },
                            "extensions": {
                                "type": "object",
                                "required": ["code"],
                                "properties": {
                                    "code": { "enum": crate::error::Code::ALL.map(crate::error::Code::as_str) },
                                    "limit": { "type": "string", "description": "The name of the limit that was hit." },
                                },
                            },
                        },
                    } } },
                },
                "GraphQLRequest": {
                    "type": "object",
                    "required": ["query"],
                    "properties": {
                        "query": { "type": "string" },
                        "operationName": { "type": ["string", "null"] },
                        "variables": { "type": ["object", "null"] },
                        "extensions": { "type": ["object", "null"], "properties": { "atLeast": { "type": "integer" } } },
                    },
                },
                "GraphQLResponse": {
                    "type": "object",
                    "properties": {
                        "data": { "type": ["object", "null"] },
                        "errors": { "type": "array", "items": { "type": "object" } },
                        "extensions": { "type": "object", "properties": { "position": { "type": "integer" }, "indexPosition": { "type": "integer" } } },
                    },
                },
                "Readiness": {
                    "type": "object",
                    "required": ["status", "reasons"],
                    "properties": {
                        "status": { "enum": ["ready", "not_ready"] },
                        "reasons": { "type": "array", "items": { "type": "string" } },
                        "position": { "type": "integer" },
                        "indexPosition": { "type": "integer" },
                        "entities": { "type": "integer" },
                    },
                },
                "Version": {
                    "type": "object",
                    "properties": {
                        "name": { "const": "bailiwick" },
                        "version": { "type": "string" },
                        "engine": { "type": "string" },
                        "position": { "type": "integer" },
                        "indexPosition": { "type": "integer" },
                    },
                },
                "Trimmed": {
                    "type": "object",
                    "description": "Rows that were removed, by what they were; `batches` is in how many writes.",
                    "properties": {
                        "commits": { "type": "integer" },
                        "versions": { "type": "integer" },
                        "identifiers": { "type": "integer" },
                        "events": { "type": "integer" },
                        "sweeps": { "type": "integer" },
                        "sweepClaims": { "type": "integer" },
                        "runs": { "type": "integer" },
                        "auditRecords": { "type": "integer" },
                        "batches": { "type": "integer" },
                    },
                },
                "VerifyReport": {
                    "type": "object",
                    "properties": {
                        "agrees": { "type": "boolean" },
                        "position": { "type": "integer" },
                        "entities": { "type": "integer" },
                        "claims": { "type": "integer" },
                        "edges": { "type": "integer" },
                        "documents": { "type": "integer" },
                        "entitiesHash": { "type": "string" },
                        "indexSum": { "type": "string" },
                        "parts": { "type": "array", "description": "Sums of hashes on both sides, part by part.", "items": {
                            "type": "object",
                            "properties": {
                                "part": { "enum": Part::ALL.map(Part::as_str) },
                                "checked": { "type": "integer" },
                                "differing": { "type": "integer" },
                                "rebuilt": { "type": "string" },
                                "held": { "type": "string" },
                            },
                        } },
                        "differences": { "type": "array", "items": { "type": "string" }, "description": "`part: what`; further ones are counted." },
                        "furtherDifferences": { "type": "integer" },
                    },
                },
            },
        },
    })
}
