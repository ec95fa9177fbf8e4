// What the JavaScript programs share: telling what was driven, and waiting for what comes by itself.

import assert from 'node:assert/strict'
import http from 'node:http'

export const GATEWAY = new URL(process.env.E2B_API_URL)

/** Prints one thing that has been driven, so that the test's output lists them all. */
export function drove(what) {
  console.log(`drove ${what}`)
}

/** Looks again and again until there is something, which it returns. */
export async function until(look, what, seconds = 30) {
  const deadline = Date.now() + seconds * 1000
  while (Date.now() < deadline) {
    const found = await look()
    if (found) return found
    await new Promise((resolve) => setTimeout(resolve, 100))
  }
  assert.fail(`not within ${seconds} s: ${what}`)
}

/** A plain request to a sandbox's port by its host name, without any name server: `[status, body]`. */
export function byHost(host, path, { method = 'GET', headers = {}, body } = {}) {
  return new Promise((resolve, reject) => {
    const where = { hostname: GATEWAY.hostname, port: GATEWAY.port, path, method, headers: { ...headers, host } }
    const request = http.request(where, (answer) => {
      const chunks = []
      answer.on('data', (chunk) => chunks.push(chunk))
      answer.on('end', () => resolve([answer.statusCode, Buffer.concat(chunks).toString()]))
      answer.on('error', reject)
    })
    request.on('error', reject)
    request.end(body)
  })
}
