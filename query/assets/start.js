// Starts GraphiQL on this server. A token goes into the "Headers" tab: {"Authorization": "Bearer …"}.
"use strict";
(function () {
  const query = [
    "# Who owns what? Press the play button.",
    "{",
    "  entities(first: 10, orderBy: [{field: \"metadata.name\", direction: ASC}]) {",
    "    totalCount",
    "    nodes { ref kind metadata { name title } owner { ref } }",
    "  }",
    "}",
    "",
  ].join("\n");
  const fetcher = GraphiQL.createFetcher
    ? GraphiQL.createFetcher({ url: "/graphql" })
    : function (params, options) {
        const headers = Object.assign({ "Content-Type": "application/json" }, options && options.headers);
        return fetch("/graphql", { method: "POST", headers, body: JSON.stringify(params) }).then(function (response) {
          return response.json();
        });
      };
  const element = React.createElement(GraphiQL, { fetcher, defaultQuery: query, defaultEditorToolsVisibility: true });
  ReactDOM.createRoot(document.getElementById("graphiql")).render(element);
})();
