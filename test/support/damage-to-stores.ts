import {
  appendFileSync,
  chmodSync,
  copyFileSync,
  mkdirSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { dirname, join } from 'node:path'
import type { Finding } from '../../src/domain/finding.ts'
import { type Damage, ofBlob, ofKey, type Victims } from './damage.ts'
import type { DamageSite } from './damage-site.ts'
import type { Seeded } from './seeded.ts'

function flip(bytes: Uint8Array, chance: Seeded): Uint8Array {
  const flipped = Uint8Array.from(bytes)
  const where = chance.below(flipped.length)
  flipped[where] = (flipped[where] ?? 0) ^ (1 << chance.below(8))
  return flipped
}

export const damagesToBodies: Readonly<Record<string, Damage>> = {
  'a body is deleted': (site, victims) => {
    const document = victims.plain()
    rmSync(site.blobPath(document))
    return [{ code: 'blob.missing', ...ofBlob(document) }]
  },
  'a bit of a body is flipped': (site, victims, chance) => {
    const document = victims.plain()
    const path = site.blobPath(document)
    writeFileSync(path, flip(readFileSync(path), chance))
    return [{ code: 'blob.hash', ...ofBlob(document) }]
  },
  'a body is truncated': (site, victims, chance) => {
    const document = victims.plain()
    const path = site.blobPath(document)
    truncateSync(path, chance.below(statSync(path).size))
    return [{ code: 'blob.length', ...ofBlob(document) }]
  },
  'a body is extended': (site, victims, chance) => {
    const document = victims.plain()
    appendFileSync(site.blobPath(document), Buffer.alloc(1 + chance.below(70_000)))
    return [{ code: 'blob.length', ...ofBlob(document) }]
  },
  'two bodies are swapped': (site, victims) => {
    const [one, other] = [victims.plain(), victims.plain()]
    const [first, second] = [readFileSync(site.blobPath(one)), readFileSync(site.blobPath(other))]
    writeFileSync(site.blobPath(one), second)
    writeFileSync(site.blobPath(other), first)
    const code = first.length === second.length ? 'blob.hash' : 'blob.length'
    return [one, other].map(document => ({ code, ...ofBlob(document) }))
  },
  'a body that no row names': (site, victims, chance) => {
    const name = chance.hex(64)
    const blob = `v1/${name.slice(0, 2)}/${name}`
    mkdirSync(join(site.dataDir, 'blobs', dirname(blob)), { recursive: true, mode: 0o700 })
    copyFileSync(site.blobPath(victims.plain()), join(site.dataDir, 'blobs', blob))
    return [{ code: 'blob.orphan', blob }]
  },
  'a stranger among the bodies': (site, victims, chance) => {
    const blob = `${dirname(victims.plain().blobKey)}/${chance.hex(10)}.tmp`
    writeFileSync(join(site.dataDir, 'blobs', blob), 'x', { mode: 0o600 })
    return [{ code: 'blob.foreign-name', blob }]
  },
  'a body that others may read': (site, victims) => {
    const document = victims.plain()
    chmodSync(site.blobPath(document), 0o640)
    return [{ code: 'file.mode', file: `data/blobs/${document.blobKey}` }]
  },
}

export const damagesToKeys: Readonly<Record<string, Damage>> = {
  'a wrapped key is deleted': (site, victims) => {
    const document = victims.plain()
    site.key(document, 'DELETE FROM wrapped_key')
    return [{ code: 'key.missing', ...ofKey(document) }]
  },
  'two wrapped keys are swapped': (site, victims) => {
    const [one, other] = [victims.plain(), victims.plain()]
    const [first, second] = [site.edks(one), site.edks(other)]
    site.key(one, 'UPDATE wrapped_key SET edks = ?', second)
    site.key(other, 'UPDATE wrapped_key SET edks = ?', first)
    return [one, other].map(document => ({ code: 'key.differs', ...ofKey(document), detail: 'edks' }))
  },
  'a bit of a wrapped key is flipped': (site, victims, chance) => {
    const document = victims.plain()
    const edks = site.edks(document)
    // Its last 48 bytes are the wrapped key itself; what stands before are lengths and names.
    const flipped = [...edks.subarray(0, -48), ...flip(edks.subarray(-48), chance)]
    site.key(document, 'UPDATE wrapped_key SET edks = ?', Uint8Array.from(flipped))
    return [{ code: 'key.differs', ...ofKey(document), detail: 'edks' }]
  },
  'a wrapped key names another document': (site, victims, chance) => {
    const document = victims.plain()
    site.key(document, 'UPDATE wrapped_key SET document = ?', chance.uuid())
    return [{ code: 'key.differs', ...ofKey(document), detail: 'document' }]
  },
  'a wrapped key names another tenant': (site, victims) => {
    const document = victims.plain()
    site.key(document, 'UPDATE wrapped_key SET tenant = ?', 'omo7777')
    return [{ code: 'key.differs', ...ofKey(document), detail: 'tenant' }]
  },
  'a wrapped key that no row names': (site, victims, chance) =>
    strayKey(site, victims, chance, `doc/${chance.hex(64)}`),
  'a wrapped key of a foreign name': (site, victims, chance) => strayKey(site, victims, chance, `x/${chance.hex(12)}`),
}

function strayKey(site: DamageSite, victims: Victims, chance: Seeded, key: string): readonly Finding[] {
  const document = chance.uuid()
  site.keys
    .prepare('INSERT INTO wrapped_key VALUES (?, ?, ?, ?, ?, ?, NULL, NULL)')
    .run(key, 'jnetot', document, 'docs/1', site.edks(victims.plain()), Date.now())
  return [{ code: key.startsWith('doc/') ? 'key.orphan' : 'key.foreign-name', tenant: 'jnetot', document, key }]
}
