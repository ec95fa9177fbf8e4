// Files.

import assert from 'node:assert/strict'
import { createHash, randomBytes } from 'node:crypto'

import { NotFoundError, Sandbox } from 'e2b'

import { byHost, drove, until } from './steps.mjs'

const MIB = 1 << 20
const sha256 = (data) => createHash('sha256').update(data).digest('hex')

const sandbox = await Sandbox.create({ timeoutMs: 300_000 })
try {
  await textAndBytes(sandbox.files)
  await folders(sandbox.files)
  await large(sandbox)
  await watched(sandbox.files)
  await signed(sandbox)
} finally {
  await sandbox.kill()
}

async function textAndBytes(files) {
  const written = await files.write('hello.txt', 'héllo\n')
  assert.equal(written.path, '/home/user/hello.txt')
  assert.equal(await files.read('hello.txt'), 'héllo\n')
  const data = Uint8Array.from({ length: 2560 }, (_, n) => n % 256)
  await files.write('/tmp/new folder/déep/data.bin', data.buffer)
  assert.deepEqual(await files.read('/tmp/new folder/déep/data.bin', { format: 'bytes' }), data)
  const chunks = []
  for await (const chunk of await files.read('/tmp/new folder/déep/data.bin', { format: 'stream' })) chunks.push(chunk)
  assert.deepEqual(Buffer.concat(chunks), Buffer.from(data))
  drove('write and read: text, bytes, streams, folders that were not there')
  await assert.rejects(files.read('nosuch'), NotFoundError)
  drove('read of no file')
  const many = Array.from({ length: 100 }, (_, n) => ({ path: `/tmp/many/${n}/file ${n}.txt`, data: `content ${n}` }))
  assert.deepEqual((await files.write(many)).map((one) => one.path), many.map((one) => one.path))
  assert.equal(await files.read('/tmp/many/99/file 99.txt'), 'content 99')
  drove('write: 100 files at once')
}

async function folders(files) {
  assert.equal(await files.makeDir('/tmp/a/b'), true)
  assert.equal(await files.makeDir('/tmp/a/b'), false)
  await files.write('/tmp/a/b/x', '12345')
  const info = await files.getInfo('/tmp/a/b/x')
  assert.deepEqual([info.name, info.size, info.type, info.owner], ['x', 5, 'file', 'user'])
  assert.equal((await files.rename('/tmp/a/b/x', '/tmp/a/y')).path, '/tmp/a/y')
  assert.deepEqual((await files.list('/tmp/a')).map((entry) => [entry.name, entry.type]).sort(), [['b', 'dir'], ['y', 'file']])
  await files.remove('/tmp/a')
  assert.equal(await files.exists('/tmp/a'), false)
  await assert.rejects(files.list('/tmp/a'), NotFoundError)
  drove('makeDir, getInfo, rename, list, remove, exists')
}

async function large(sandbox) {
  const data = randomBytes(32 * MIB)
  const options = { requestTimeoutMs: 240_000 }
  await sandbox.files.write('/tmp/large', new Blob([data]), options)
  const summed = await sandbox.commands.run('sha256sum /tmp/large', { timeoutMs: 120_000 })
  assert.ok(summed.stdout.startsWith(sha256(data)))
  assert.equal(sha256(await sandbox.files.read('/tmp/large', { format: 'bytes', ...options })), sha256(data))
  drove('write and read: 32 MiB')
}

async function watched(files) {
  await files.makeDir('/tmp/watched')
  const events = []
  const handle = await files.watchDir('/tmp/watched', (event) => { events.push(`${event.type} ${event.name}`) })
  await files.write('/tmp/watched/new', 'x')
  await files.rename('/tmp/watched/new', '/tmp/watched/newer')
  await files.remove('/tmp/watched/newer')
  const wanted = ['create new', 'write new', 'rename new', 'remove newer']
  await until(() => wanted.every((event) => events.includes(event)), `${wanted}`)
  await handle.stop()
  drove('watchDir')
}

// The URLs that need no SDK: they carry their right in themselves, and no token.
async function signed(sandbox) {
  const host = sandbox.getHost(49983)
  const path = (url) => url.slice(url.indexOf('/files'))
  const body = '--b\r\nContent-Disposition: form-data; name="file"; filename="x"\r\n\r\nsigned\r\n--b--\r\n'
  const headers = { 'content-type': 'multipart/form-data; boundary=b' }
  const up = path(await sandbox.uploadUrl('/tmp/signed'))
  assert.equal((await byHost(host, up, { method: 'POST', headers, body }))[0], 200)
  const down = path(await sandbox.downloadUrl('/tmp/signed', { useSignatureExpiration: 60 }))
  assert.deepEqual(await byHost(host, down), [200, 'signed'])
  assert.equal((await byHost(host, down.replace('signed', 'hosts')))[0], 401)
  drove("uploadUrl and downloadUrl, by the sandbox's host name, and a signature of another file")
  assert.equal(await (await fetch(await sandbox.downloadUrl('/tmp/signed'))).text(), 'signed')
  const form = new FormData()
  form.append('file', new Blob(['sent']), 'x')
  const sent = await fetch(await sandbox.uploadUrl('/tmp/sent'), { method: 'POST', body: form })
  assert.equal(sent.status, 200)
  assert.equal(await sandbox.files.read('/tmp/sent'), 'sent')
  drove('uploadUrl and downloadUrl, as they are')
}
