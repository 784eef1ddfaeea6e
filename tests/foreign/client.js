// A stock automerge-repo client that a test drives: one JSON object a line on stdin, one answer a line on stdout.
//
//   node client.js 2.5.6
//   {"id": 1, "do": "connect", "url": "ws://127.0.0.1:8400/sync?access_token=...", "peer": "laptop", "retryMs": 100}
//   {"id": 1, "value": null}
//
// Each version is a package in `versions`, with what the stories need of it in its `index.js`.
//
// An answer has a `value` or an `error`; what nobody asked for is an `event`. Nothing here waits for a time: commands that
// wait for something answer when it is so, and whoever asked decides how long is too long.
import { createInterface } from "node:readline"

// Node 18, which Debian 12 has, does not show it; Automerge draws its random numbers from it.
globalThis.crypto ??= (await import("node:crypto")).webcrypto

const version = process.argv[2]
const { ImmutableString, NodeFSStorageAdapter, Repo, WebSocketClientAdapter } =
  await import(`./versions/${version}/index.js`)

const say = message => process.stdout.write(JSON.stringify(message) + "\n")

// In Node the WebSocket adapter throws where nobody can catch when a server refuses the connection. An app has to do this.
process.on("uncaughtException", error => say({ event: "uncaught", message: error.message }))

let repo
const peers = new Set()
const handles = new Map()
const broadcasts = []

/** Calls `look` now and whenever `emitter` says `event`, until it returns something. */
const until = (emitter, event, look) =>
  new Promise((resolve, reject) => {
    const again = () => {
      try {
        const found = look()
        if (found === undefined) return
        emitter.off(event, again)
        resolve(found)
      } catch (error) {
        emitter.off(event, again)
        reject(error)
      }
    }
    emitter.on(event, again)
    again()
  })

/** A document as JSON: strings may be collaborative texts or immutable ones. */
const plain = value => {
  if (value instanceof ImmutableString) return value.toString()
  if (Array.isArray(value)) return value.map(plain)
  if (value === null || typeof value !== "object" || value instanceof Date) return value
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, plain(inner)]))
}

/** What stands at a path, `undefined` if nothing does. */
const at = (doc, path) => path.reduce((value, key) => value?.[key], doc)

// 1.x has no way to read but `docSync`; its `find` returns at once.
const docOf = handle => (handle.docSync ? handle.docSync() : handle.doc())

const handleOf = document => {
  const handle = handles.get(document)
  if (!handle) throw new Error(`${document} is not open`)
  return handle
}

const keep = (document, handle) => {
  if (!handles.has(document)) {
    handles.set(document, handle)
    handle.on("ephemeral-message", ({ senderId, message }) => broadcasts.push({ document, senderId, message }))
  }
  return handle
}

/** A handle of the document, ready; `undefined` if nobody has it for us. */
const find = async document => {
  const found = repo.find(document)
  if (typeof found.then !== "function") {
    await found.whenReady(["ready", "unavailable"])
    return found.isReady() ? found : undefined
  }
  try {
    return await found
  } catch (error) {
    if (/unavailable/i.test(error.message)) return undefined
    throw error
  }
}

const commands = {
  connect: ({ url, peer, retryMs, storage }) => {
    repo = new Repo({
      peerId: peer,
      network: [new WebSocketClientAdapter(url, retryMs)],
      storage: storage ? new NodeFSStorageAdapter(storage) : undefined,
    })
    repo.networkSubsystem.on("peer", ({ peerId }) => peers.add(peerId))
    repo.networkSubsystem.on("peer-disconnected", ({ peerId }) => peers.delete(peerId))
  },
  connected: () => until(repo.networkSubsystem, "peer", () => (peers.size > 0 ? null : undefined)),
  disconnected: () => until(repo.networkSubsystem, "peer-disconnected", () => (peers.size === 0 ? null : undefined)),
  open: async ({ document }) => {
    const handle = await find(document)
    if (handle) keep(document, handle)
    return handle ? "ready" : "unavailable"
  },
  create: ({ content }) => {
    const handle = repo.create(content)
    keep(handle.url, handle)
    return handle.url
  },
  read: ({ document }) => plain(docOf(handleOf(document))),
  put: ({ document, path, text, immutable }) => {
    handleOf(document).change(doc => {
      at(doc, path.slice(0, -1))[path.at(-1)] = immutable ? new ImmutableString(text) : text
    })
  },
  until: ({ document, path, is }) => {
    const handle = handleOf(document)
    return until(handle, "change", () => {
      const found = plain(at(docOf(handle), path))
      return is === undefined || found === is ? found : undefined
    })
  },
  heard: ({ document }) => {
    const first = () => broadcasts.find(broadcast => broadcast.document === document)
    return until(handleOf(document), "ephemeral-message", first)
  },
  flush: () => repo.flush(),
}

for await (const line of createInterface({ input: process.stdin })) {
  const { id, do: name, ...args } = JSON.parse(line)
  Promise.resolve()
    .then(() => commands[name](args))
    .then(
      value => say({ id, value: value ?? null }),
      error => say({ id, error: error.message }),
    )
}
process.exit(0)
