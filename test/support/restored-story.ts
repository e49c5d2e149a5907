import { cp, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { openVault } from '../../src/compose.ts'
import type { EmbeddedConfig } from '../../src/config.ts'
import type { DocumentId, TenantId } from '../../src/domain/ids.ts'
import type { Vault } from '../../src/guards/vault.ts'
import type { Log } from '../../src/ports/log.ts'
import { callerAs, readPaper } from './house-work.ts'
import { bornMs, dayMs, purgeNow, store, tell } from './purge-work.ts'
import { TestClock } from './test-clock.ts'
import { configIn, newVaultFolder } from './vault-folder.ts'

export const storyTenant = 'nomor-keluar' as TenantId
const yearsLater = 8 * 366 * dayMs
const silent: Log = { info: () => undefined, warn: () => undefined, error: () => undefined }

/** What a backup holds apart from the others, as the files of a data folder. */
export const parts = {
  ledger: ['ledger.sqlite'],
  keys: ['wrapped-keys.sqlite'],
  trail: ['trail.sqlite'],
  blobs: ['blobs'],
} as const
export type Part = keyof typeof parts

/** A vault that was backed up, and destroyed papers before and after that. */
export interface Story extends AsyncDisposable {
  readonly folder: string
  readonly clock: TestClock
  /** Destroyed before the backup, after it, and stored and destroyed after it. */
  readonly erased: readonly DocumentId[]
  /** Of their data keys, as they lay wrapped. */
  readonly keyBytes: readonly Buffer[]
  readonly kept: { readonly id: DocumentId; readonly bytes: Buffer }
  /** A copy of the vault as it ended, with these parts as they were backed up. */
  readonly restored: (...some: readonly Part[]) => Promise<EmbeddedConfig>
  /** A copy of the vault as it ended, with the list of the destroyed as it was when the backup was made. */
  readonly withOlderList: () => Promise<EmbeddedConfig>
  /** The list of the destroyed goes on: it is taken from one copy to the other. */
  readonly keepList: (from: EmbeddedConfig, to: EmbeddedConfig) => Promise<void>
}

export function openAt(config: EmbeddedConfig, clock: TestClock, mayBeRestored = false) {
  return openVault(config, { clock, log: silent, mayBeRestored })
}

export function readAs(vault: Parameters<typeof readPaper>[0], id: DocumentId): Promise<Buffer> {
  return readPaper(vault, id, { caller: callerAs('senior-reviewer', 'senior', storyTenant) })
}

export async function tellStory(): Promise<Story> {
  const place = await newVaultFolder()
  const { folder, config } = place
  const clock = new TestClock()
  const backup = join(folder, 'backup')
  const erased: DocumentId[] = []
  const keyBytes: Buffer[] = []
  let kept: Story['kept']
  {
    await using open = await openAt(config, clock)
    const { vault } = open
    erased.push(await store(vault, storyTenant, 'person-1', 1), await store(vault, storyTenant, 'person-2', 2))
    keyBytes.push(...(await wrappedIn(vault)))
    const id = await store(vault, storyTenant, 'person-3', 3)
    await tell(vault, storyTenant, 'person-1', { type: 'closed', atMs: bornMs })
    clock.advance(yearsLater)
    await purgeNow(vault, storyTenant)
    kept = { id, bytes: await readAs(vault, id) }
  }
  const keysBackup = join(folder, 'backup-keys')
  await cp(config.dataDir, backup, { recursive: true })
  await cp(config.keysDir, keysBackup, { recursive: true })
  {
    await using open = await openAt(config, clock)
    const { vault } = open
    const before = await wrappedIn(vault)
    erased.push(await store(vault, storyTenant, 'person-4', 4))
    keyBytes.push(...(await wrappedIn(vault)).filter(key => !before.some(other => other.equals(key))))
    for (const person of ['person-2', 'person-4'])
      await tell(vault, storyTenant, person, { type: 'closed', atMs: bornMs })
    clock.advance(dayMs)
    await purgeNow(vault, storyTenant)
  }
  let copies = 0
  return {
    folder,
    clock,
    erased,
    keyBytes,
    kept,
    async restored(...some) {
      const copy = configIn(join(folder, `copy-${copies++}`))
      await cp(config.dataDir, copy.dataDir, { recursive: true })
      await cp(config.keysDir, copy.keysDir, { recursive: true })
      for (const name of some.flatMap(part => parts[part])) {
        for (const end of ['', '-wal', '-shm'])
          await rm(join(copy.dataDir, name + end), { recursive: true, force: true })
        await cp(join(backup, name), join(copy.dataDir, name), { recursive: true })
      }
      return copy
    },
    async withOlderList() {
      const copy = configIn(join(folder, `copy-${copies++}`))
      await cp(config.dataDir, copy.dataDir, { recursive: true })
      await cp(keysBackup, copy.keysDir, { recursive: true })
      return copy
    },
    async keepList(from, to) {
      for (const name of ['destroyed.list', 'destroyed.head'])
        await cp(join(from.keysDir, name), join(to.keysDir, name))
    },
    [Symbol.asyncDispose]: () => place[Symbol.asyncDispose](),
  }
}

async function wrappedIn({ wrappedKeys }: Vault): Promise<readonly Buffer[]> {
  const keys = await wrappedKeys.list({ limit: 99 })
  return keys.flatMap(({ edks }) => edks.map(({ blob }) => Buffer.from(blob)))
}
