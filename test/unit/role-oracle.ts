import type { Action } from '../../src/domain/permission.ts'
import type { Role } from '../../src/domain/role.ts'

/**
 * The role table in the words it was agreed in, read here by other rules than the code's own matrix: a slip in either shows.
 *
 * ✔ allowed · O own or assigned only · M masked rendition · W watermarked rendition · A needs a second, different person ·
 * – denied. `A / B` in the first column are actions whose cells are divided alike; a cell without a stroke holds for each.
 */
const table = `
| Action | onboarding | reviewer | senior-reviewer | support | dpo | legal | auditor | purge | admin |
| document.deposit, subject.event | ✔ | – | – | – | – | – | – | – | – |
| document.list, document.describe | O | ✔ | ✔ | O | ✔ | O | ✔ | due items | – |
| document.open rendition | – | M, W when assigned | W | M with ticket (tenant permitting) | W A | W A | – | – | – |
| document.open original | – | ✔ when assigned | ✔ | – | A | A | – | – | – |
| review.decide / review.override | – | ✔ when assigned / – | ✔ / A | – | – | – | – | – | – |
| hold.place / hold.release | by event | – | ✔ / A | – | ✔ / A | ✔ / A | – | – | – |
| request.open / request.decide | ✔ / – | – | – | ✔ / – | ✔ / ✔ | – | – | – | – |
| document.erase | – | – | – | – | A | A | – | – | – |
| purge.plan / purge.approve / purge.execute | – | – | – | – | ✔ / ✔ / – | – | plan | ✔ / – / ✔ | – |
| disclosure.prepare / disclosure.decide | – | – | ✔ / – | – | A | A | – | – | – |
| trail.read / trail.verify / trail.export | – | own | – | – | ✔ | case | ✔ | – | verify |
| incident.open / incident.scope | – | ✔ / – | ✔ / – | ✔ / – | ✔ / ✔ | ✔ / ✔ | ✔ / ✔ | – | ✔ / – |
| policy.change, key.rotate, caller.manage | – | – | – | – | A | A | read | – | A |
`

/**
 * Actions the agreed table does not name, each with the row it follows from: looking at a subject is like looking at its papers;
 * the whole file of one is for the officer and the auditor, who also see the whole trail;
 * who may take a review may list and hold it; reading policy, keys and callers belongs to those who may change them and to
 * the auditor; an export is an opening of the original; holds are listed by those who place them and the auditor, purge runs by
 * those who plan or execute them; a clock is confirmed by the officer and another person; approvals belong to everybody who has a
 * cell A; the published limits are for every caller; those in `vaultsOwn` are the vault's own and no key or token holds them.
 */
const derived = `
| subject.describe | O | ✔ | ✔ | O | ✔ | O | ✔ | – | – |
| subject.file | – | – | – | – | ✔ | – | ✔ | – | – |
| review.list, review.assign | – | ✔ | ✔ | – | – | – | – | – | – |
| document.export | – | – | – | – | A | A | – | – | – |
| policy.read, key.read, caller.read | – | – | – | – | ✔ | ✔ | ✔ | – | ✔ |
| hold.list | – | – | ✔ | – | ✔ | ✔ | ✔ | – | – |
| purge.read | – | – | – | – | ✔ | – | ✔ | ✔ | – |
| purge.confirm-clock | – | – | – | – | A | – | – | – | – |
| approval.ask, approval.vote | – | – | ✔ | – | ✔ | ✔ | – | – | ✔ |
| approval.read | – | – | ✔ | – | ✔ | ✔ | ✔ | – | ✔ |
| limits.read | ✔ | ✔ | ✔ | ✔ | ✔ | ✔ | ✔ | ✔ | ✔ |
`
const vaultsOwn: readonly string[] = [
  'caller.bootstrap',
  'deposit.sweep',
  'grant.sweep',
  'caller.sweep',
  'retention.reckon',
  'deletion.answer',
  'backup.take',
  'restore.check',
  'instance.start',
  'instance.stop',
]

/** One cell, in the words of the table, with the letters of a rendition taken out. */
type Cell = '–' | '✔' | 'O' | '✔ when assigned' | 'with ticket' | 'A' | 'due' | 'by event' | 'own' | 'case'

export interface Tables {
  readonly roles: readonly string[]
  readonly cells: ReadonlyMap<string, Cell>
}

function split(line: string): readonly string[] {
  return line
    .split('|')
    .slice(1, -1)
    .map(cell => cell.trim())
}

/** Cells by `<action> <role>`. */
function readTables(): Tables {
  const [head = '', ...lines] = table.trim().split('\n')
  const roles = split(head).slice(1)
  const cells = new Map<string, Cell>()
  for (const line of [...lines, ...derived.trim().split('\n')]) {
    const [label = '', ...row] = split(line)
    for (const [column, text] of row.entries()) {
      for (const [action, cell] of divide(label, text)) cells.set(`${action} ${roles[column]}`, cell)
    }
  }
  return { roles, cells }
}

function divide(label: string, text: string): readonly (readonly [string, Cell])[] {
  if (label === 'document.open original') return [['document.open.original', cellOf(text)]]
  if (label === 'document.open rendition') {
    return [
      ['document.open.preview', renditionCell(text, 'W')],
      ['document.open.masked', renditionCell(text, 'M')],
    ]
  }
  const names = label.split(/, | \/ /)
  const parts = text.split(' / ')
  if (parts.length > 1) return names.map((name, at) => [name, cellOf(parts[at] ?? '')])
  return names.map(name => [name, wholeCell(name, text)])
}

/** A cell without a stroke: either it names the one action it is for, or it holds for every action of its row. */
function wholeCell(action: string, text: string): Cell {
  const verb = action.split('.').at(-1)
  if (text === 'plan' || text === 'verify') return verb === text ? '✔' : '–'
  // "read" stands beside actions that change: the auditor has the reading twin of each, none of the actions themselves.
  if (text === 'read') return '–'
  // Own entries and those of a case are things to read; a log is verified and exported as a whole.
  if (text === 'own' || text === 'case') return verb === 'read' ? text : '–'
  return cellOf(text)
}

/** A masked picture is a watermarked one with more covered: who may see W may see M on the same terms. */
function renditionCell(text: string, letter: 'M' | 'W'): Cell {
  if (text === '–') return '–'
  if (text === 'M, W when assigned') return letter === 'M' ? '✔' : '✔ when assigned'
  if (text === 'M with ticket (tenant permitting)') return letter === 'M' ? 'with ticket' : '–'
  return text === 'W A' ? 'A' : '✔'
}

function cellOf(text: string): Cell {
  return (text === 'due items' ? 'due' : text) as Cell
}

export const tables = readTables()

/** What one question is made of; each field varies on its own in the test. */
export interface Question {
  readonly action: Action
  readonly role: Role
  /** The tenant asked about is the caller's own. */
  readonly sameTenant: boolean
  readonly tenantMasksForSupport: boolean
  readonly known: boolean
  readonly own: boolean
  readonly assigned: boolean
  readonly due: boolean
  readonly purpose: 'none' | 'listed' | 'unlisted'
  readonly named: boolean
  readonly second: Second
}

/** Who stands beside the caller; all but `none` hold a valid credential. */
export const seconds = [
  'none',
  'same-person',
  'other-person-with-right',
  'other-person-without-right',
  'other-person-with-a-conditional-right',
  'other-tenant-with-right',
  'service-with-right',
] as const
export type Second = (typeof seconds)[number]

/** Whether the table allows it: written from the words, with no look at the code's matrix. */
export function allowed(question: Question): boolean {
  const { action, role } = question
  // What two persons began the vault itself carries on, and begins nothing.
  const carriesOn = action === 'key.rotate' && question.due
  if (role === 'system') return (vaultsOwn.includes(action) || carriesOn) && question.known
  if (!question.sameTenant || !question.known) return false
  const needsAReason =
    action.startsWith('document.open.') || action === 'document.export' || action === 'document.erase'
  if (needsAReason && !(question.purpose === 'listed' && question.named)) return false
  switch (tables.cells.get(`${action} ${role}`) ?? '–') {
    case '–':
    case 'by event':
      return false
    case '✔':
    case 'own':
      return true
    case 'O':
      return question.own || question.assigned
    case '✔ when assigned':
      return question.assigned
    case 'with ticket':
      return question.tenantMasksForSupport && question.named
    case 'A':
      return question.second === 'other-person-with-right'
    case 'due':
      return question.due
    case 'case':
      return question.named
  }
}
