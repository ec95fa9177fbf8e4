// Servers in the guest, reached from outside by their host names.

import assert from 'node:assert/strict'

import { Sandbox } from 'e2b'

import { byHost, drove, until } from './steps.mjs'

const SERVER = 'python3 -m http.server 8000 --bind 127.0.0.1 --directory /tmp/site'

const sandbox = await Sandbox.create({ timeoutMs: 300_000 })
try {
  await sandbox.files.write('/tmp/site/index.html', 'from the guest')
  await sandbox.commands.run(SERVER, { background: true })
  const host = sandbox.getHost(8000)
  assert.ok(host.startsWith(`8000-${sandbox.sandboxId}.`), host)
  await until(async () => (await byHost(host, '/'))[0] === 200, 'the server answers')
  assert.deepEqual(await byHost(host, '/'), [200, 'from the guest'])
  drove("getHost: a server on the guest's loopback")
  const [status, body] = await byHost(sandbox.getHost(8001), '/')
  assert.deepEqual([status, JSON.parse(body).port], [502, 8001])
  drove('getHost: a closed port')
} finally {
  await sandbox.kill()
}
const [status, body] = await byHost(sandbox.getHost(8000), '/')
assert.deepEqual([status, JSON.parse(body).sandboxId], [502, sandbox.sandboxId])
drove('getHost: a killed sandbox')
