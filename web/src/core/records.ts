/**
 * What the core tells and takes: the records of `mobile-ffi`, by the same names, made from `web/wasm`.
 *
 * How Rust becomes TypeScript: ids are texts; times are milliseconds since 1970 in UTC; `Option` is `| null`; a field
 * `starts_at` is `startsAt`; an enum without fields is its name in snake case (`"on_server"`); one with fields is an
 * object with `type` and the fields.
 */
export type * from './wasm/muster_web';
