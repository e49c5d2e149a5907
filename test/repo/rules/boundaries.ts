import { at, codeOnly, matches, type Rule, roomOf, withoutComments } from './source.ts'

/** The environment is read in one place, where every problem of it is reported at once. */
export const onlyConfigReadsEnvironment: Rule = source =>
  source.path === 'src/config.ts'
    ? []
    : [
        ...matches(
          source,
          codeOnly(source.text),
          /\bprocess\s*(?:\?\.|\.)\s*env\b|\bprocess\s*\[/g,
          'reads the environment',
        ),
        ...matches(source, codeOnly(source.text), /\{[^{}]*\benv\b[^{}]*\}\s*=\s*process\b/g, 'reads the environment'),
        ...matches(
          source,
          withoutComments(source.text),
          /import\s*\{[^}]*\benv\b[^}]*\}\s*from\s*['"]node:process['"]/g,
          'reads the environment',
        ),
      ]

/** A grant is minted by admit and nowhere else; a cast is the only other way to write one. */
export const onlyAdmitMintsGrants: Rule = source =>
  source.path === 'src/guards/admit.ts'
    ? []
    : [
        ...matches(
          source,
          codeOnly(source.text),
          /\b(?:as|satisfies)\s+(?:unknown\s+as\s+)?(?:Grant|Settlement)\b/g,
          'casts to a grant',
        ),
        ...matches(source, codeOnly(source.text), /\bas\s+never\b/g, 'casts to never, which passes for a grant'),
      ]

/** Error statuses that a file may know beside the problem table, each for its reason. */
const knownStatuses: Readonly<Record<string, readonly string[]>> = {
  // Readiness is an answer of its own, told to a load balancer by its status alone.
  'src/http/health.ts': ['503'],
  // The listener of its own knows no problems: it serves one page to one scraper.
  'src/http/metrics.ts': ['404', '500'],
  // Only what is the vault's own fault is logged as an error; a client that went away has no status of its own.
  'src/http/app.ts': ['499', '500'],
}
const problemFiles = ['src/http/problem.ts', 'src/http/problems.ts', 'src/http/respond.ts']

/** Inside the house a failure has a code; only the problem table knows its status. */
export const statusesStandInTheProblemTable: Rule = source => {
  if (problemFiles.includes(source.path)) return []
  const room = roomOf(source.path)
  const pattern = room === 'http' ? /(?<![\w.])[45]\d\d(?![\w.])/g : /\b(?:statusCode|httpStatus)\b/g
  const code = codeOnly(source.text)
  return [...code.matchAll(pattern)]
    .filter(({ index }) => room !== 'http' || speaksOfStatus(lineAround(code, index)))
    .filter(([found]) => !knownStatuses[source.path]?.includes(found))
    .map(({ index, 0: found }) => at(source, index, `knows the status ${found}`))
}

/** A number of that size may also be milliseconds or bytes. */
function speaksOfStatus(line: string): boolean {
  return /status|writeHead|sendJson|\bend\(|^\s*[45]\d\d:/i.test(line)
}

function lineAround(text: string, index: number): string {
  const end = text.indexOf('\n', index)
  return text.slice(text.lastIndexOf('\n', index) + 1, end === -1 ? undefined : end)
}

/** What the PDF child writes to its standard output is its answer. */
const childProtocols = ['src/adapters/pdf-child.ts']

/** The log port is for operators; the console belongs to the commands. */
export const noConsole: Rule = source =>
  ['main', 'commands'].includes(roomOf(source.path)) || childProtocols.includes(source.path)
    ? []
    : matches(
        source,
        codeOnly(source.text),
        /\bconsole\s*\.|\bprocess\s*\.\s*(?:stdout|stderr)\b/g,
        'writes to the console',
      )

/** Types are told the truth. */
export const noBlindTypes: Rule = source => [
  ...matches(source, codeOnly(source.text), /(?::\s*|\bas\s+|<\s*|\|\s*|,\s*)any\b(?!\s*[(:.])/g, 'uses any'),
  ...matches(source, source.text, /@ts-(?:ignore|nocheck)\b/g, 'silences the type checker'),
  ...matches(source, codeOnly(source.text), /\bcatch\s*(?:\([^)]*\))?\s*\{\s*\}/g, 'swallows an error'),
]

/** Erasable, named, one way to say a thing. */
export const noDefaultsOrEnums: Rule = source => [
  ...matches(source, codeOnly(source.text), /\bexport\s+default\b/g, 'has a default export'),
  ...matches(source, codeOnly(source.text), /^\s*(?:export\s+)?(?:const\s+)?enum\s+\w/gm, 'declares an enum'),
  ...matches(source, codeOnly(source.text), /^\s*export\s+\*/gm, 'is a barrel'),
]

/** Words for work that is not done, and code that is no longer code. */
export const nothingLeftOver: Rule = source => [
  ...matches(
    source,
    source.text,
    new RegExp(`\\b(?:${['TO', 'FIX'].map((head, n) => head + ['DO', 'ME'][n]).join('|')}|XXX)\\b`, 'g'),
    'is not finished',
  ),
  ...matches(
    source,
    source.text,
    /^\s*\/\/\s*(?:const|let|import|return|await|if \()[^.]*$/gm,
    'holds commented-out code',
  ),
  ...matches(source, source.text, /^\s*\/\/\s*[-=*#]{4,}/gm, 'has a banner'),
]

/** Nothing in the project names the machine that it was written on; a path inside the image is no such machine. */
export const noMachineWords: Rule = source => {
  const words = 'names a machine, a path of it, or a registry'
  const image = source.path === 'Dockerfile' || source.path === 'docker-compose.yml'
  return [
    ...matches(source, source.text, /(?<![\w.])\/(?:work|root|home)\/\w|https?:\/\/[\w.-]*registry[\w.-]*/g, words),
    ...(image ? [] : matches(source, source.text, /(?<![\w.])\/tmp\/\w/g, words)),
  ]
}
