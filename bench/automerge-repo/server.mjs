// A sync server of the package automerge-repo: WebSocket in, files out, documents told only to those who ask, as
// automerge-repo-sync-server is set up. Prints where it listens.
import { createServer } from "node:http";
import { Repo } from "@automerge/automerge-repo";
import { NodeWSServerAdapter } from "@automerge/automerge-repo-network-websocket";
import { NodeFSStorageAdapter } from "@automerge/automerge-repo-storage-nodefs";
import { WebSocketServer } from "ws";

const data = process.argv[2];
if (!data) {
  console.error("server.mjs: say where to keep the data");
  process.exit(2);
}
const http = createServer((_, response) => response.end());
const sockets = new WebSocketServer({ server: http });
new Repo({
  network: [new NodeWSServerAdapter(sockets)],
  storage: new NodeFSStorageAdapter(data),
  peerId: "bench-server",
  sharePolicy: async () => false,
});
// The adapter takes no connections until the storage has been opened, and later terminates those that came before.
const attached = new Promise((resolve) => {
  if (sockets.listenerCount("connection") > 0) resolve();
  else sockets.on("newListener", (event) => event === "connection" && resolve());
});
await attached;
http.listen(0, "127.0.0.1", () => console.log(`127.0.0.1:${http.address().port}`));
