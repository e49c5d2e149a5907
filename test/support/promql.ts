/** What an expression of PromQL speaks of. */
export interface Spoken {
  readonly metrics: readonly string[]
  readonly labels: readonly string[]
  /** Of each label that is compared, the texts it is compared with, regular expressions apart into their words. */
  readonly values: ReadonlyMap<string, readonly string[]>
}

const words = new Set([
  'by',
  'without',
  'on',
  'ignoring',
  'group_left',
  'group_right',
  'and',
  'or',
  'unless',
  'bool',
  'offset',
])
const groups = /\b(?:by|without|on|ignoring|group_left|group_right)\s*\(([^)]*)\)/g

/** Enough of the language for the project's own dashboards and alerts: metrics, labels and what labels are compared with. */
export function spokenIn(expr: string): Spoken {
  const labels: string[] = []
  const values = new Map<string, string[]>()
  const withoutMatchers = expr.replaceAll(/\{((?:[^{}"]|"[^"]*")*)\}/g, (_, matchers: string) => {
    for (const [, label = '', how = '', text = ''] of matchers.matchAll(/(\w+)\s*(=~|!~|!=|=)\s*"([^"]*)"/g)) {
      labels.push(label)
      const compared = how.endsWith('~') ? text.split('|') : [text]
      values.set(label, [...(values.get(label) ?? []), ...compared])
    }
    return ' '
  })
  const withoutGroups = withoutMatchers.replaceAll(groups, (_, listed: string) => {
    labels.push(...listed.split(',').flatMap(label => (label.trim() === '' ? [] : [label.trim()])))
    return ' '
  })
  const names = withoutGroups.replaceAll(/\[[^\]]*\]/g, ' ').matchAll(/[a-zA-Z_:][\w:]*(?!\w*\s*\()/g)
  const metrics = [...names].map(([name]) => name).filter(name => !words.has(name))
  return { metrics: [...new Set(metrics)], labels: [...new Set(labels)], values }
}
