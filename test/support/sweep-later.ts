import { openVault } from '../../src/compose.ts'
import { readConfig } from '../../src/config.ts'
import { sweepDeposits } from '../../src/upkeep/sweep-deposits.ts'
import { GrantSweep } from '../../src/upkeep/sweep-grants.ts'
import { sweepOrphans } from '../../src/upkeep/sweep-orphans.ts'
import { ShiftedClock } from './shifted-clock.ts'

/**
 * A process that opens the vault of its environment two days later than it is, runs every sweep, and prints what they cleared
 * away as one line of JSON.
 */
const never = new AbortController().signal
const clock = new ShiftedClock(Date.now() + 48 * 3_600_000)
await using opened = await openVault(readConfig(), { clock })
const { vault } = opened
let deposits = 0
for (const tenant of vault.tenants.keys()) deposits += await sweepDeposits(vault, tenant, never)
const grants = await new GrantSweep().run(vault, never)
const orphans = await sweepOrphans(vault, never)
process.stdout.write(`${JSON.stringify({ deposits, grants, orphans })}\n`)
