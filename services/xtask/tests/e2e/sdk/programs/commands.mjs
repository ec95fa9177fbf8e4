// Commands and terminals.

import assert from 'node:assert/strict'

import { CommandExitError, NotFoundError, Sandbox, TimeoutError } from 'e2b'

import { drove, until } from './steps.mjs'

const sandbox = await Sandbox.create({ timeoutMs: 300_000 })
try {
  await foreground(sandbox.commands)
  await background(sandbox.commands)
  await stdin(sandbox.commands)
  await terminals(sandbox.pty)
} finally {
  await sandbox.kill()
}

async function foreground(commands) {
  const done = await commands.run('echo out; echo err >&2')
  assert.deepEqual([done.stdout, done.stderr, done.exitCode], ['out\n', 'err\n', 0])
  drove('run: stdout and stderr')
  const failed = await commands.run('echo why >&2; exit 7').catch((error) => error)
  assert.ok(failed instanceof CommandExitError, `${failed}`)
  assert.deepEqual([failed.exitCode, failed.stderr], [7, 'why\n'])
  drove('run: an exit code')
  assert.equal((await commands.run('echo $A; pwd', { envs: { A: 'é' }, cwd: '/tmp' })).stdout, 'é\n/tmp\n')
  await assert.rejects(commands.run('pwd', { cwd: '/nosuch' }))
  drove('run: envs and cwd')
  assert.equal((await commands.run('whoami')).stdout, 'user\n')
  assert.equal((await commands.run('whoami', { user: 'root' })).stdout, 'root\n')
  drove('run: user')
  await assert.rejects(commands.run('sleep 60', { timeoutMs: 2000 }), TimeoutError)
  drove('run: timeout')
  let lines = ''
  await commands.run('for i in 1 2 3; do echo $i; sleep 0.2; done', { onStdout: (text) => { lines += text } })
  assert.equal(lines, '1\n2\n3\n')
  drove('run: output as it comes')
  const many = await Promise.all(Array.from({ length: 20 }, (_, n) => commands.run(`echo ${n}`)))
  assert.deepEqual(many.map((one) => one.stdout), Array.from({ length: 20 }, (_, n) => `${n}\n`))
  drove('run: 20 at once')
}

async function background(commands) {
  const handle = await commands.run('while [ ! -e /tmp/go ]; do sleep 0.1; done; echo went', { background: true })
  const listed = (await commands.list()).find((process) => process.pid === handle.pid)
  assert.ok(listed.args.join(' ').includes('/tmp/go'))
  drove('list')
  await handle.disconnect()
  const again = await commands.connect(handle.pid)
  await commands.run('touch /tmp/go')
  assert.equal((await again.wait()).stdout, 'went\n')
  drove('run in the background, disconnect, and connect')
  await assert.rejects(commands.connect(999_999), NotFoundError)
  const slow = await commands.run('sleep 100', { background: true })
  assert.equal(await slow.kill(), true)
  await assert.rejects(slow.wait(), CommandExitError)
  assert.equal(await commands.kill(slow.pid), false)
  drove('kill, and kill of none')
}

async function stdin(commands) {
  const handle = await commands.run('cat; echo end', { background: true, stdin: true })
  await commands.sendStdin(handle.pid, 'one\n')
  await commands.sendStdin(handle.pid, 'two é\n')
  await commands.closeStdin(handle.pid)
  assert.equal((await handle.wait()).stdout, 'one\ntwo é\nend\n')
  drove('sendStdin and closeStdin')
}

async function terminals(pty) {
  let shown = ''
  const decoder = new TextDecoder()
  const onData = (data) => { shown += decoder.decode(data, { stream: true }) }
  const type = (text) => pty.sendInput(handle.pid, new TextEncoder().encode(text))
  const handle = await pty.create({ rows: 24, cols: 80, envs: { MARK: 'm4rk' }, onData })
  await type('stty size; echo $MARK-$TERM\n')
  await until(() => shown.includes('24 80') && shown.includes('m4rk-xterm-256color'), 'the size and the variables')
  await pty.resize(handle.pid, { rows: 30, cols: 100 })
  await type('stty size\n')
  await until(() => shown.includes('30 100'), 'the new size')
  drove('pty: create, sendInput, resize')
  assert.equal(await pty.kill(handle.pid), true)
  await assert.rejects(handle.wait(), CommandExitError)
  drove('pty: kill')
}
