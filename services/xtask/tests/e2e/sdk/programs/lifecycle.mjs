// A sandbox's life: create, look, list, extend, end.

import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'

import { AuthenticationError, NotFoundError, Sandbox, SandboxError } from 'e2b'

import { drove, until } from './steps.mjs'

// Characters that a query's encoding must carry.
const labels = { owner: 'a b&c=d', part: '100% é+/?#', run: randomUUID() }

const sandbox = await Sandbox.create({ timeoutMs: 120_000, metadata: labels, envs: { GREETING: 'héllo' } })
drove('create with timeout, metadata and envs')
assert.equal(await sandbox.isRunning(), true)
assert.equal((await sandbox.commands.run('echo $GREETING')).stdout, 'héllo\n')
drove("isRunning, and the sandbox's own envs")

const info = await sandbox.getInfo()
assert.equal(info.sandboxId, sandbox.sandboxId)
assert.equal(info.templateId, 'base')
assert.deepEqual(info.metadata, labels)
assert.equal(info.state, 'running')
const left = info.endAt - Date.now()
assert.ok(left > 60_000 && left <= 121_000, `${left}`)
drove('getInfo')

await sandbox.setTimeout(300_000)
assert.ok((await sandbox.getInfo()).endAt - info.endAt > 100_000)
drove('setTimeout')

const metrics = await until(async () => {
  const samples = await sandbox.getMetrics()
  return samples.length > 0 && samples
}, 'metrics')
assert.ok(metrics[0].memTotal > 0 && metrics[0].diskTotal > 0 && metrics[0].cpuCount >= 1)
drove('getMetrics')

const other = await Sandbox.create({ timeoutMs: 60_000, metadata: { run: labels.run } })
const pages = Sandbox.list({ query: { metadata: { run: labels.run }, state: ['running'] }, limit: 1 })
const seen = []
while (pages.hasNext) {
  const page = await pages.nextItems()
  assert.ok(page.length <= 1)
  seen.push(...page.map((item) => item.sandboxId))
}
assert.deepEqual(seen, [other.sandboxId, sandbox.sandboxId], 'the newest comes first')
drove('list with metadata, state and pages')
const found = await Sandbox.list({ query: { metadata: labels } }).nextItems()
assert.deepEqual(found.map((item) => item.sandboxId), [sandbox.sandboxId])
drove('list by metadata of any characters')
await other.kill()

const again = await Sandbox.connect(sandbox.sandboxId, { timeoutMs: 10_000 })
assert.equal((await again.commands.run('echo again')).stdout, 'again\n')
assert.ok((await again.getInfo()).endAt - Date.now() > 60_000, 'a connect does not shorten a life')
drove('connect')

await assert.rejects(Sandbox.create({ network: { allowOut: ['example.com'] } }), /example\.com/)
await assert.rejects(Sandbox.create('nosuchtemplate'), /nosuchtemplate/)
await assert.rejects(Sandbox.create({ apiKey: `e2b_${'0'.repeat(40)}` }), AuthenticationError)
drove('creates that are refused: network, template, key')

assert.equal(await sandbox.kill(), true)
assert.equal(await sandbox.isRunning(), false)
assert.equal(await sandbox.kill(), false)
assert.equal(await Sandbox.kill('nosuchsandbox'), false)
drove('kill, of a killed and of an unknown sandbox too')
await assert.rejects(Sandbox.connect(sandbox.sandboxId), NotFoundError)
await assert.rejects(sandbox.getInfo(), NotFoundError)
await assert.rejects(sandbox.commands.run('true'), SandboxError)
drove('connect, getInfo and a command of no sandbox')
