export { RawString as ImmutableString, Repo } from "@automerge/automerge-repo"
export { BrowserWebSocketClientAdapter as WebSocketClientAdapter } from "@automerge/automerge-repo-network-websocket"
export { NodeFSStorageAdapter } from "@automerge/automerge-repo-storage-nodefs"
