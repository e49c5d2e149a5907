import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { openBacking } from '../../src/backing.ts'
import { VaultError } from '../../src/domain/errors.ts'
import { type ProcessRole, processRoles } from '../../src/domain/process-role.ts'
import { effects, gate } from '../../src/guards/gate.ts'
import { heldBy, narrow } from '../../src/guards/narrow.ts'
import type { Ports } from '../../src/ports/ports.ts'
import { watchPorts } from '../support/failing-ports.ts'
import { rawGrant } from '../support/raw-grant.ts'
import { newVaultFolder } from '../support/vault-folder.ts'

type Effect = keyof typeof effects
const everyEffect = Object.keys(effects) as Effect[]
const everySet: readonly (readonly ProcessRole[])[] = [
  [],
  ['intake'],
  ['access'],
  ['jobs'],
  ['intake', 'access'],
  ['intake', 'jobs'],
  ['access', 'jobs'],
  processRoles,
]

/** Stops a call at the adapter's door, so that nothing has an effect. */
class Reached extends Error {}

/** What becomes of one effect: it reaches the adapter, or the code it is refused with. */
async function endOf(ports: Ports, effect: Effect): Promise<string> {
  const [port = '', method = ''] = effect.split('.')
  const target = Reflect.get(ports, port) as Record<string, (...args: readonly unknown[]) => unknown>
  try {
    await target[method]?.(rawGrant)
    return 'nothing'
  } catch (error) {
    if (error instanceof Reached) return 'reached'
    if (error instanceof VaultError) return error.code
    throw error
  }
}

suite('the effects that a process holds', async () => {
  const folder = await newVaultFolder()
  const backing = await openBacking(folder.config)
  const reached: string[] = []
  const ports = watchPorts(backing.ports, ({ name }) => {
    reached.push(name)
    throw new Reached()
  })
  test('are the ones of the table, for every effect of the gate and every set of roles', async () => {
    for (const roles of everySet) {
      const narrowed = narrow(ports, roles)
      for (const effect of everyEffect) {
        reached.length = 0
        const holders: readonly ProcessRole[] = heldBy[effect]
        const isHeld = holders.some(role => roles.includes(role))
        const end = await endOf(narrowed, effect)
        assert.equal(end, isHeld ? 'reached' : 'effect.withheld', `${effect} by ${roles.join()}`)
        assert.deepEqual(reached, isHeld ? [effect] : [], `${effect} by ${roles.join()}`)
      }
    }
  })

  test('seal, open and destroy are three processes, and no one of them holds two', () => {
    const of = (role: ProcessRole) => everyEffect.filter(name => heldBy[name].some(holder => holder === role))
    assert.deepEqual(of('intake'), ['ledger.commit', 'keyring.newDataKey', 'wrappedKeys.put', 'blobs.put'])
    assert.deepEqual(of('access'), ['ledger.commit', 'keyring.unwrap'])
    assert.deepEqual(
      of('jobs').filter(name => name.startsWith('keyring.')),
      [],
      'who destroys neither makes nor opens a key',
    )
  })

  test('stay behind the gate: a call without a live grant is refused as one, whoever makes it', async () => {
    for (const roles of everySet) {
      const gated = gate(narrow(ports, roles))
      for (const effect of everyEffect)
        assert.equal(await endOf(gated, effect), 'grant.spent', `${effect} by ${roles.join()}`)
    }
  })

  test('are the only thing that is taken away: reading is everybody’s, and the adapters are untouched', async () => {
    const narrowed = narrow(backing.ports, [])
    assert.equal(await narrowed.wrappedKeys.get('doc/none'), undefined)
    assert.equal(await narrowed.ledger.findApiKey('0000000000000000'), undefined)
    assert.equal((await narrowed.keyring.mac('door', new Uint8Array(1))).byteLength, 32)
    await backing[Symbol.asyncDispose]()
    await folder[Symbol.asyncDispose]()
  })
})
