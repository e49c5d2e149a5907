/** What a lock file is read for here. */
export interface LockFile {
  readonly packages: Readonly<
    Record<
      string,
      {
        readonly version?: string
        readonly resolved?: string
        readonly integrity?: string
        readonly link?: boolean
        readonly hasInstallScript?: boolean
        readonly optionalDependencies?: Readonly<Record<string, string>>
      }
    >
  >
}

/** The lock file names no host, and each thing it names from a registry carries the hash of its bytes. */
export function lockNamesNoHost(lock: LockFile): readonly string[] {
  return Object.entries(lock.packages).flatMap(([path, { resolved, integrity, link }]) => {
    if (!path.includes('node_modules/')) return []
    const host = resolved !== undefined && /^[a-z+]+:/.test(resolved) ? [`${path} names a host`] : []
    return integrity === undefined && !link ? [...host, `${path} has no integrity hash`] : host
  })
}

/**
 * A platform package that the registry did not have yet is left out of the lock in silence, and the next clean install on that
 * platform fails: every optional dependency that is named must be there.
 */
export function lockHasEveryPlatform({ packages }: LockFile): readonly string[] {
  return Object.entries(packages).flatMap(([path, { version, optionalDependencies = {} }]) =>
    Object.keys(optionalDependencies)
      .filter(name => !packages[`node_modules/${name}`] && !packages[`${path}/node_modules/${name}`])
      .map(name => `${path} ${version} lacks ${name}`),
  )
}

/** Nothing of a package runs when it is installed, but for what `allowed` decides by name. */
export function installScriptsAreDecided(
  lock: LockFile,
  allowed: Readonly<Record<string, boolean>>,
): readonly string[] {
  return Object.entries(lock.packages)
    .filter(([, { hasInstallScript }]) => hasInstallScript)
    .map(([path]) => path.slice(path.lastIndexOf('node_modules/') + 'node_modules/'.length))
    .filter(name => allowed[name] === undefined)
    .map(name => `${name} wants to run a script at install and package.json does not say whether it may`)
}

/**
 * The oldest version of each package that is known to be without the holes named in SECURITY.md; a later one always passes.
 */
export const versionFloors: Readonly<Record<string, string>> = {
  multer: '2.5.0',
  sharp: '0.35.5',
  express: '5.3.0',
  jose: '6.2.17',
}

export function floorsHold(lock: LockFile, floors: Readonly<Record<string, string>>): readonly string[] {
  return Object.entries(floors).flatMap(([name, floor]) => {
    const version = lock.packages[`node_modules/${name}`]?.version
    if (version === undefined) return [`${name} is not in the lock file`]
    return isBelow(version, floor) ? [`${name} ${version} is below ${floor}`] : []
  })
}

function isBelow(version: string, floor: string): boolean {
  const numbers = (text: string) => text.split('-', 1)[0]?.split('.').map(Number) ?? []
  const [a, b] = [numbers(version), numbers(floor)]
  const differing = a.findIndex((number, at) => number !== b[at])
  return differing !== -1 && (a[differing] ?? 0) < (b[differing] ?? 0)
}

/** Every dependency is pinned to one exact version. */
export function versionsAreExact(dependencies: Readonly<Record<string, string>>): readonly string[] {
  return Object.entries(dependencies)
    .filter(([, version]) => !/^\d+\.\d+\.\d+$/.test(version) && !version.startsWith('file:'))
    .map(([name, version]) => `${name} is not pinned: ${version}`)
}
