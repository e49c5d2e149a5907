import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Ports } from '../../src/ports/ports.ts'
import { readCertificate } from '../../src/retention/read-certificate.ts'
import { callerAs } from '../support/house-work.ts'
import { dueMs, newPurgeScene, purgeTurn, sceneTenant } from '../support/purge-scene.ts'
import { rawGrant } from '../support/raw-grant.ts'
import { SteppedClock } from '../support/stepped-clock.ts'
import { openWrapped } from '../support/vault-folder.ts'

test('a key that is wrapped anew between the giving up of its paper and its end: the certificate names the newer epoch', async () => {
  const { folder, papers } = await newPurgeScene()
  await using _ = folder
  const wrap = (ports: Ports): Ports => ({
    ...ports,
    destroyed: {
      append: async (by, marks) => {
        await ports.destroyed.append(by, marks)
        for (const { messageId } of marks) {
          const key = (await ports.wrappedKeys.get(`doc/${messageId}`)) ?? assert.fail()
          const next = { epoch: 'docs/9', edks: key.edks, rewrapped: { log: `${sceneTenant}/2033`, index: 0 } }
          assert.ok(await ports.wrappedKeys.replace(rawGrant, key.id, key.epoch, next))
        }
      },
      list: () => ports.destroyed.list(),
      newest: () => ports.destroyed.newest(),
    },
  })
  await using open = await openWrapped(folder.config, { clock: new SteppedClock(dueMs), wrap })
  await purgeTurn(open.vault)
  const dpo = callerAs('dpo', 'dpo', sceneTenant)
  for (const id of [...papers.due, papers.erased]) {
    assert.equal((await open.vault.ledger.findDocument(sceneTenant, id))?.state, 'purged')
    const certificate = await readCertificate(open.vault, dpo, { id })
    assert.equal(certificate.epoch.name, 'docs/9')
  }
})
