#!/usr/bin/env -S node --max-semi-space-size=2
// @ts-check
// argv and signals. JavaScript, for what Node strips before the cache below is switched on costs 15 MB for good.
import { enableCompileCache } from 'node:module'
import path from 'node:path'
import { setFlagsFromString } from 'node:v8'

// A daemon that serves files lives on little: without these lines it takes twice as much memory. Old objects get a third more
// room than they filled after the last collection: V8 would let them grow to four times as much. Young ones get 2 MB, which has
// to be said before V8 starts (above, in package.json and in config/rootcast.service), and else what they begin with.
setFlagsFromString('--heap-growing-percent=33')
const isToldHowMuch = process.execArgv.some((argument) => argument.startsWith('--max-semi-space-size'))
if (!isToldHowMuch) setFlagsFromString('--semi-space-growth-factor=1')
// V8 may come to place lists that live long among the old objects from the start. A list of what waits for the disk, dead there,
// keeps all that it held until old objects are collected, which may then happen several times a second.
setFlagsFromString('--no-allocation-site-pretenuring')
// Stripped sources are kept, so that the stripper need not be loaded.
// Never in /tmp, where Node would put it: whoever can write there could have us run their code.
enableCompileCache(process.env.NODE_COMPILE_CACHE ?? path.join(import.meta.dirname, '../node_modules/.cache/rootcast'))

const stop = new AbortController()
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.once(signal, () => stop.abort())
// The reader of a pipe may leave early (`| head`); that is no failure of ours.
process.stdout.on('error', (/** @type {NodeJS.ErrnoException} */ error) => process.exit(error.code === 'EPIPE' ? 0 : 1))

const { run } = await import('./cli/program.ts')
process.exitCode = await run(process.argv.slice(2), {
  stdout: process.stdout,
  stderr: process.stderr,
  env: process.env,
  signal: stop.signal
})
