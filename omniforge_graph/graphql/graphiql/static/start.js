// Starts GraphiQL on this page's own address; what differs between servers comes in data attributes.
"use strict";
(() => {
  const root = document.getElementById("graphiql");
  const endpoint = new URL(location.pathname, location.href);
  const socket = new URL(endpoint);
  socket.protocol = endpoint.protocol === "https:" ? "wss:" : "ws:";
  const fetcher = GraphiQL.createFetcher({ url: endpoint.href, subscriptionUrl: socket.href });
  const query = new URLSearchParams(location.search).get("query");
  ReactDOM.createRoot(root).render(
    React.createElement(GraphiQL, {
      fetcher,
      query: query ?? undefined,
      defaultQuery: root.dataset.defaultQuery,
      defaultEditorToolsVisibility: true,
    }),
  );
})();
