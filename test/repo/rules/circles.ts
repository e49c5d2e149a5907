import { posix } from 'node:path'
import { importsOf } from './imports.ts'
import type { Source } from './source.ts'

/**
 * Every circle of files that import each other, types included, each once and told as `a -> b -> a`. The linter sees only the
 * imports that are left when the program runs.
 */
export function circlesOf(sources: readonly Source[]): readonly string[] {
  const known = new Set(sources.map(({ path }) => path))
  const edges = new Map(sources.map(source => [source.path, targetsOf(source, known)]))
  const done = new Set<string>()
  const circles: string[] = []
  const walk = (path: string, trail: readonly string[]): void => {
    const at = trail.indexOf(path)
    if (at >= 0) circles.push([...trail.slice(at), path].join(' -> '))
    if (at >= 0 || done.has(path)) return
    for (const next of edges.get(path) ?? []) walk(next, [...trail, path])
    done.add(path)
  }
  for (const path of edges.keys()) walk(path, [])
  return circles
}

function targetsOf(source: Source, known: ReadonlySet<string>): readonly string[] {
  return importsOf(source)
    .filter(({ to }) => to.startsWith('.'))
    .map(({ to }) => posix.join(posix.dirname(source.path), to))
    .filter(path => known.has(path))
}
