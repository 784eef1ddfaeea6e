export { ImmutableString, Repo } from "@automerge/automerge-repo"
export { WebSocketClientAdapter } from "@automerge/automerge-repo-network-websocket"
export { NodeFSStorageAdapter } from "@automerge/automerge-repo-storage-nodefs"
