// Runs real automerge-repo peers over real WebSockets, notes every binary frame at the server's
// sockets, and writes one example of each kind to ../automerge-repo-2.5.6.json.
import { writeFileSync } from "node:fs"
import { createServer } from "node:http"
import { fileURLToPath } from "node:url"
import * as Automerge from "@automerge/automerge"
import { Repo, cbor, parseAutomergeUrl } from "@automerge/automerge-repo"
import { WebSocketClientAdapter, WebSocketServerAdapter } from "@automerge/automerge-repo-network-websocket"
import WebSocket, { WebSocketServer } from "ws"

class MemoryStorage {
  #data = new Map()
  async load(key) { return this.#data.get(JSON.stringify(key)) }
  async save(key, data) { this.#data.set(JSON.stringify(key), data) }
  async remove(key) { this.#data.delete(JSON.stringify(key)) }
  async loadRange(prefix) {
    const matches = [...this.#data].map(([key, data]) => ({ key: JSON.parse(key), data }))
    return matches.filter(({ key }) => prefix.every((part, i) => key[i] === part))
  }
  async removeRange(prefix) {
    for (const { key } of await this.loadRange(prefix)) this.#data.delete(JSON.stringify(key))
  }
}

const frames = []
const note = (direction, bytes) => {
  const hex = Buffer.from(bytes).toString("hex")
  frames.push({ direction, hex, message: cbor.decode(new Uint8Array(bytes)) })
}
const until = async condition => {
  for (let i = 0; i < 500; i++) {
    if (condition()) return
    await new Promise(resolve => setTimeout(resolve, 20))
  }
  throw new Error(`gave up waiting for ${condition}`)
}
const seen = type => frames.some(frame => frame.message.type === type)

const http = createServer()
const wss = new WebSocketServer({ server: http })
wss.on("connection", socket => {
  socket.on("message", data => note("client-to-server", data))
  const send = socket.send.bind(socket)
  socket.send = (data, ...rest) => { note("server-to-client", data); return send(data, ...rest) }
})
await new Promise(resolve => http.listen(0, "127.0.0.1", resolve))
const url = `ws://127.0.0.1:${http.address().port}`

const peer = (peerId, network) => new Repo({
  peerId, network, storage: new MemoryStorage(), enableRemoteHeadsGossiping: true, sharePolicy: async () => true,
})
const server = peer("storage-server-example", [new WebSocketServerAdapter(wss)])
const client = peer("peer-gate-b", [new WebSocketClientAdapter(url)])
await client.networkSubsystem.whenReady()
await until(() => seen("peer"))

const handle = client.create({ rooms: {} })
handle.change(doc => { for (let i = 0; i < 40; i++) doc.rooms[`room-${i}`] = { seats: i * 10 } })
await until(() => server.handles[handle.documentId]?.isReady())
server.handles[handle.documentId].change(doc => { doc.rooms.aula = { seats: 300 } })
await until(() => handle.doc().rooms.aula)

server.subscribeToRemotes([await client.storageId()])
client.subscribeToRemotes([await server.storageId()])
await until(() => seen("remote-subscription-change"))
handle.change(doc => { doc.rooms.aula.seats = 301 })

const second = peer("peer-gate-c", [new WebSocketClientAdapter(url)])
const found = await second.find(handle.url)
second.subscribeToRemotes([await server.storageId(), await client.storageId()])
found.change(doc => { doc.rooms.foyer = { seats: 5 } })
await until(() => handle.doc().rooms.foyer)
await until(() => seen("remote-heads-changed"))
handle.broadcast({ cursor: 7 })
await until(() => seen("ephemeral"))

const unknown = "automerge:" + parseAutomergeUrl(new Repo({}).create({}).url).documentId
await second.find(unknown).catch(() => {})
await until(() => seen("doc-unavailable"))

const stranger = new WebSocket(url)
await new Promise(resolve => stranger.on("open", resolve))
stranger.send(cbor.encode({ type: "join", senderId: "peer-future", peerMetadata: {}, supportedProtocolVersions: ["2"] }))
await until(() => seen("error"))

// Messages in format V1 with changes: what a JavaScript peer sends to one that announced no flags.
const withoutFlags = message => message.slice(0, -3)
let ours = Automerge.from({ checkins: ["a", "b"] }, "aa")
ours = Automerge.change(ours, doc => { doc.checkins.push("c".repeat(500)) })
let theirs = Automerge.init("bb")
let ourState = Automerge.initSyncState(), theirState = Automerge.initSyncState(), message
;[theirState, message] = Automerge.generateSyncMessage(theirs, theirState)
;[ours, ourState] = Automerge.receiveSyncMessage(ours, ourState, withoutFlags(message))
;[ourState, message] = Automerge.generateSyncMessage(ours, ourState)
const v1 = { type: "sync", senderId: "peer-gate-b", targetId: "storage-server-example", documentId: handle.documentId, data: message }
frames.push({ direction: "client-to-server", hex: Buffer.from(cbor.encode(v1)).toString("hex"), message: v1 })

const pick = (name, test) => {
  const frame = frames.find(({ message, direction }) => test(message, direction))
  if (!frame) throw new Error(`no frame for ${name}`)
  const { type, senderId, targetId, documentId, data } = frame.message
  return { name, direction: frame.direction, type, senderId, targetId, documentId,
    data: data && Buffer.from(data).toString("hex"), hex: frame.hex }
}
// The type of a chunk follows its magic bytes and checksum.
const chunkTypes = data => [...Buffer.from(data).toString("hex").matchAll(/856f4a83.{8}(..)/g)].map(m => Number(m[1]))
const sync = (version, chunk) => ({ type, data }) =>
  type === "sync" && data[0] === version && (chunk === undefined ? chunkTypes(data).length === 0 : chunkTypes(data).includes(chunk))
const vectors = [
  pick("join", m => m.type === "join" && m.senderId !== "peer-future"),
  pick("join-version-2", m => m.type === "join" && m.senderId === "peer-future"),
  pick("peer", m => m.type === "peer"),
  pick("error", m => m.type === "error"),
  pick("sync-v1-without-changes", sync(0x42)),
  pick("sync-v1-with-changes", sync(0x42, 1)),
  pick("sync-v2-with-document", sync(0x43, 0)),
  pick("sync-v2-with-changes", sync(0x43, 1)),
  pick("request", m => m.type === "request"),
  pick("doc-unavailable", m => m.type === "doc-unavailable"),
  pick("ephemeral", m => m.type === "ephemeral"),
  pick("remote-subscription-change", m => m.type === "remote-subscription-change"),
  pick("remote-heads-changed", m => m.type === "remote-heads-changed"),
]
const out = fileURLToPath(new URL("../automerge-repo-2.5.6.json", import.meta.url))
writeFileSync(out, JSON.stringify({ source: "automerge-repo 2.5.6, automerge 3.5.0", vectors }, null, 1) + "\n")
console.log(`${vectors.length} vectors of ${frames.length} frames`)
process.exit(0)
