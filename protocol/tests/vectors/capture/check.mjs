// Reads ../ours.json, the frames as muster-protocol writes them, with automerge-repo's own decoder,
// and compares every field with what the frame is meant to say.
import assert from "node:assert/strict"
import { readFileSync } from "node:fs"
import { cbor } from "@automerge/automerge-repo"

const plain = value => {
  if (value instanceof Uint8Array) return { hex: Buffer.from(value).toString("hex") }
  if (Array.isArray(value)) return value.map(plain)
  if (typeof value === "bigint") throw new Error("a BigInt: JavaScript peers do not expect it")
  if (value && typeof value === "object") return Object.fromEntries(Object.entries(value).map(([k, v]) => [k, plain(v)]))
  return value
}
const { vectors } = JSON.parse(readFileSync(new URL("../ours.json", import.meta.url)))
for (const { name, hex, means } of vectors) {
  assert.deepEqual(plain(cbor.decode(Buffer.from(hex, "hex"))), means, name)
}
console.log(`${vectors.length} frames of ours are read as they are meant`)
process.exit(0)
