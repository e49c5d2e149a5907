import { Faults, watchPorts } from './failing-ports.ts'
import { TestClock } from './test-clock.ts'
import { newVaultFolder, openWrapped, type WrappedVault } from './vault-folder.ts'

/** A vault whose port calls fail where `faults` says so, on a clock of the test. It goes with its folder when disposed of. */
export interface FailingVault extends WrappedVault {
  readonly clock: TestClock
  readonly faults: Faults
}

export async function openFailingVault(): Promise<FailingVault> {
  await using stack = new AsyncDisposableStack()
  const { config } = stack.use(await newVaultFolder())
  const [clock, faults] = [new TestClock(), new Faults()]
  const { vault, ports } = stack.use(await openWrapped(config, { clock, wrap: ports => watchPorts(ports, faults.at) }))
  const open = stack.move()
  return { vault, ports, clock, faults, [Symbol.asyncDispose]: () => open.disposeAsync() }
}
