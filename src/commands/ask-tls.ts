import { once } from 'node:events'
import { connect, type SecureVersion } from 'node:tls'
import type { SettingFinding } from '../domain/deployment.ts'
import { UsageError } from './command.ts'

const answerWithinMs = 5_000
const below = { '1.2': 'TLSv1.1', '1.3': 'TLSv1.2' } as const

/**
 * Shakes hands with whatever ends TLS before the vault: once below the floor, which must fail, and once from the floor on, with
 * a certificate that this machine trusts, which must not. Nothing is asked beyond that.
 *
 * @param address `host` or `host:port`; 443 when absent
 * @throws {UsageError} no such address
 */
export async function askTls(address: string, floor: '1.2' | '1.3'): Promise<readonly SettingFinding[]> {
  const [, host, port = '443'] = /^([A-Za-z0-9.-]+)(?::(\d{1,5}))?$/.exec(address) ?? []
  if (host === undefined) throw new UsageError('--tls must name a host, or a host and a port.')
  const place = { host, port: Number(port), servername: host }
  // Old versions are beneath what OpenSSL offers by itself; who accepts them accepts their ciphers too.
  const old = { maxVersion: below[floor], minVersion: 'TLSv1' as const, ciphers: 'DEFAULT@SECLEVEL=0' }
  const [lower, proper] = await Promise.all([
    handshake({ ...place, ...old, rejectUnauthorized: false }),
    handshake({ ...place, minVersion: `TLSv${floor}` as SecureVersion }),
  ])
  const say = (weight: SettingFinding['weight'], message: string): SettingFinding => ({
    weight,
    field: 'VAULT_TLS_FLOOR',
    message: `${address} ${message}`,
  })
  return [
    ...(lower === undefined ? [say('problem', `accepts TLS ${below[floor].slice(4)}, and the floor is ${floor}`)] : []),
    ...(proper === undefined
      ? []
      : [say('unreachable', `does not speak TLS ${floor} with a trusted certificate (${proper})`)]),
  ]
}

/** @returns undefined when it succeeds, else why it does not, as the system or OpenSSL names it */
async function handshake(options: Parameters<typeof connect>[1] & object): Promise<string | undefined> {
  const socket = connect(options)
  try {
    await once(socket, 'secureConnect', { signal: AbortSignal.timeout(answerWithinMs) })
    return undefined
  } catch (error) {
    return error instanceof Error && 'code' in error ? String(error.code) : 'no answer'
  } finally {
    socket.destroy()
  }
}
