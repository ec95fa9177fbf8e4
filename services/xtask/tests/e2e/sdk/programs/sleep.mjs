// Sandboxes that stand still, and those that are made from others: pause, connect, fork, snapshots, auto-pause.

import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'

import { Sandbox } from 'e2b'

import { drove, until } from './steps.mjs'

const run = randomUUID()
const sandbox = await Sandbox.create({ timeoutMs: 600_000, metadata: { run } })
try {
  await pauses()
  await forks()
  await snapshots()
} finally {
  await sandbox.kill()
}
await byItself()

async function pauses() {
  await sandbox.files.write('/home/user/kept', 'bytes')
  const reader = await sandbox.commands.run('read -r line; echo got $line', { background: true, stdin: true })
  // The stream breaks with the pause, and nobody waits for it.
  reader.wait().catch(() => {})
  assert.equal(await sandbox.pause(), true)
  assert.equal(await sandbox.isRunning(), false)
  drove('pause, and isRunning of a paused sandbox')
  assert.equal(await sandbox.pause(), false)
  assert.equal(await sandbox.betaPause(), false)
  drove('pause of a paused sandbox')
  assert.equal((await sandbox.getInfo()).state, 'paused')
  const found = await Sandbox.list({ query: { metadata: { run }, state: ['paused'] } }).nextItems()
  assert.deepEqual(found.map((item) => item.sandboxId), [sandbox.sandboxId])
  drove('getInfo and list of a paused sandbox')

  const again = await Sandbox.connect(sandbox.sandboxId, { timeoutMs: 600_000 })
  assert.equal(await again.isRunning(), true)
  drove('connect to a paused sandbox')
  assert.equal(await again.files.read('/home/user/kept'), 'bytes')
  const follow = await again.commands.connect(reader.pid)
  await again.commands.sendStdin(reader.pid, 'on\n')
  assert.equal((await follow.wait()).stdout, 'got on\n')
  drove('files and a process from before the pause')
}

async function forks() {
  const children = await sandbox.fork({ timeoutMs: 300_000, count: 2 })
  try {
    assert.ok(children.every((child) => child instanceof Sandbox), `${children}`)
    const family = [sandbox, ...children]
    const own = await Promise.all(family.map((one) => one.commands.run('hostname; cat /proc/sys/kernel/random/uuid')))
    assert.equal(new Set(own.map((result) => result.stdout)).size, 3)
    for (const child of children) {
      assert.equal(await child.files.read('/home/user/kept'), 'bytes')
      await child.files.write('/home/user/kept', 'other')
    }
    assert.equal(await sandbox.files.read('/home/user/kept'), 'bytes')
    drove('fork: files, hostnames and randomness of their own')
  } finally {
    await Promise.all(children.map((child) => child instanceof Sandbox && child.kill()))
  }
}

async function snapshots() {
  const name = `warm-${run.slice(0, 8)}`
  const snapshot = await sandbox.createSnapshot({ name })
  assert.equal(snapshot.snapshotId, name)
  const listed = await sandbox.listSnapshots().nextItems()
  assert.deepEqual(listed.map((item) => item.snapshotId), [name])
  drove('createSnapshot and listSnapshots')
  const made = await Sandbox.create(name, { timeoutMs: 300_000 })
  try {
    assert.equal(await made.files.read('/home/user/kept'), 'bytes')
    assert.equal(await Sandbox.deleteSnapshot(name), true)
    assert.equal(await Sandbox.deleteSnapshot(name), false)
    assert.equal((await made.commands.run('echo on')).stdout, 'on\n')
    drove('create from a snapshot, and deleteSnapshot, which ends nothing')
  } finally {
    await made.kill()
  }
}

async function byItself() {
  const lifecycle = { onTimeout: 'pause', autoResume: true }
  const sleeper = await Sandbox.create({ timeoutMs: 600_000, lifecycle })
  try {
    await sleeper.files.write('/home/user/kept', 'bytes')
    await sleeper.setTimeout(1_000)
    await until(async () => (await sleeper.getInfo()).state === 'paused', 'it pauses by itself', 120)
    drove('a timeout that pauses')
    assert.equal((await sleeper.commands.run('cat kept', { cwd: '/home/user' })).stdout, 'bytes')
    drove('a command that resumes')
  } finally {
    await sleeper.kill()
  }
}
