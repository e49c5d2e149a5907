import type {
  CaseReference,
  DocumentId,
  PersonId,
  SubjectId,
  SubjectReference,
  TenantId,
} from '../../src/domain/ids.ts'
import type { PaperType } from '../../src/domain/media.ts'
import { applyEvent, newSubject, type Subject, type SubjectEvent } from '../../src/domain/subject.ts'

/** An instant, from text with an offset or in UTC. */
export function at(text: string): number {
  return Temporal.Instant.from(text).epochMilliseconds
}

/** The events of a life in short: `closed 2026-01-01T00:00Z`, `tier …Z 2`, `dispute.opened …Z CASE-1`. */
export function told(...lines: readonly string[]): readonly SubjectEvent[] {
  return lines.map(line => {
    const [type, when = '', more] = line.split(' ')
    const rest = type === 'tier' ? { tier: Number(more) } : more === undefined ? {} : { case: more as CaseReference }
    return { type, atMs: at(when), ...rest } as SubjectEvent
  })
}

/** A person whose life is these events, each told when it happened. */
export function aLife(...lines: readonly string[]): Subject {
  return told(...lines).reduce((subject, event) => applyEvent(subject, event, event.atMs), someone())
}

/** A person of whom nothing was told yet. */
export function someone(): Subject {
  return newSubject({
    id: '00000000-0000-4000-8000-000000000001' as SubjectId,
    tenant: 'acme' as TenantId,
    reference: 'person-1' as SubjectReference,
    openedBy: 'platform' as PersonId,
    openedAtMs: at('2015-01-01T00:00Z'),
  })
}

/** What the clock asks of a paper. */
export function aPaper(type: PaperType = 'id', policyVersion = 1) {
  return { id: '00000000-0000-7000-8000-000000000001' as DocumentId, type, policyVersion }
}
