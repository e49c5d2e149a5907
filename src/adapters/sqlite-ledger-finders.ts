const visible = "state IN ('stored', 'purging', 'purged')"
const live = "state IN ('depositing', 'stored', 'purging')"
const overdue = "state IN ('depositing', 'abandoned')"
/** Many are named by one parameter, a JSON array. */
const named = 'IN (SELECT value FROM json_each(?))'

/** Finders: each binds the tenant first, where there is one. */
export const sql = {
  document: 'SELECT body FROM document WHERE tenant = ? AND id = ?',
  documentsOf: `SELECT body FROM document WHERE tenant = ? AND subject = ? AND ${visible} AND id > ? ORDER BY id LIMIT ?`,
  liveDocuments: `SELECT body FROM document WHERE tenant = ? AND subject = ? AND ${live} AND id > ? ORDER BY id LIMIT ?`,
  liveDocumentsOf: `SELECT body FROM document WHERE tenant = ? AND subject ${named} AND ${live} AND (subject, id) > (?, ?)
    ORDER BY subject, id LIMIT ?`,
  purging: "SELECT body FROM document WHERE tenant = ? AND state = 'purging' AND id > ? ORDER BY id LIMIT ?",
  purgedSince: 'SELECT count(*) AS n FROM document WHERE tenant = ? AND purged_ms >= ?',
  underLaterPolicies: `SELECT count(*) AS n FROM document
    WHERE tenant = ? AND state = 'stored' AND body ->> 'policyVersion' > ?`,
  upload: `SELECT body FROM document WHERE tenant = ? AND subject = ? AND upload_mac = ?
    AND state IN ('depositing', 'stored')`,
  overdue: `SELECT body FROM document WHERE tenant = ? AND ${overdue} AND (state = 'abandoned' OR due_ms < ?)
    ORDER BY due_ms, id LIMIT ?`,
  everyDocument: 'SELECT body FROM document WHERE tenant = ? AND id > ? ORDER BY id LIMIT ?',
  subjectByReference: 'SELECT body FROM subject WHERE tenant = ? AND reference = ?',
  subject: 'SELECT body FROM subject WHERE tenant = ? AND id = ?',
  subjects: `SELECT body FROM subject WHERE tenant = ? AND id ${named}`,
  everySubject: 'SELECT body FROM subject WHERE tenant = ? AND id > ? ORDER BY id LIMIT ?',
  dueSubjects: `SELECT body FROM subject WHERE tenant = ? AND look_ms <= ? AND (look_ms, id) > (?, ?)
    ORDER BY look_ms, id LIMIT ?`,
  countDue: 'SELECT count(*) AS n, min(look_ms) AS oldest FROM subject WHERE tenant = ? AND look_ms <= ?',
  heldSubjects: 'SELECT body FROM subject WHERE tenant = ? AND held = 1 AND id > ? ORDER BY id LIMIT ?',
  countHeld: 'SELECT count(*) AS n FROM subject WHERE tenant = ? AND held = 1',
  unansweredSubjects: 'SELECT body FROM subject WHERE tenant = ? AND unanswered = 1 AND id > ? ORDER BY id LIMIT ?',
  countUnanswered: 'SELECT count(*) AS n FROM subject WHERE tenant = ? AND answer_ms < ?',
  review: 'SELECT body FROM review WHERE tenant = ? AND id = ?',
  reviewOf: 'SELECT body FROM review WHERE tenant = ? AND document = ?',
  reviewsOf: `SELECT body FROM review WHERE tenant = ? AND document ${named}`,
  reviewsIn: 'SELECT body FROM review WHERE tenant = ? AND state = ? AND id > ? ORDER BY id LIMIT ?',
  everyReview: 'SELECT body FROM review WHERE tenant = ? AND id > ? ORDER BY id LIMIT ?',
  desk: 'SELECT body FROM desk WHERE tenant = ? AND person = ?',
  answer: 'SELECT body FROM answer WHERE key = ?',
  answersOfDocuments: `SELECT body FROM answer WHERE tenant = ? AND document ${named}`,
  answersOfSubjects: `SELECT body FROM answer WHERE tenant = ? AND subject ${named}`,
  expiredAnswers: 'SELECT body FROM answer WHERE tenant = ? AND expires_ms < ? ORDER BY expires_ms, key LIMIT ?',
  everyAnswer: 'SELECT body FROM answer WHERE tenant = ? AND key > ? ORDER BY key LIMIT ?',
  apiKey: 'SELECT body FROM api_key WHERE key_id = ?',
  apiKeys: 'SELECT body FROM api_key WHERE tenant = ? AND key_id > ? ORDER BY key_id LIMIT ?',
  denials: 'SELECT body FROM denied_token WHERE tenant = ? AND id IN (?, ?) ORDER BY id',
  expiredDenials: 'SELECT body FROM denied_token WHERE tenant = ? AND expires_ms < ? ORDER BY expires_ms, id LIMIT ?',
  epoch: 'SELECT body FROM epoch WHERE tenant = ? AND epoch = ?',
  epochs: 'SELECT body FROM epoch WHERE tenant = ? ORDER BY epoch',
  run: 'SELECT body FROM purge_run WHERE tenant = ? AND id = ?',
  newestRuns: 'SELECT body FROM purge_run WHERE tenant = ? ORDER BY id DESC LIMIT ?',
  runsBefore: 'SELECT body FROM purge_run WHERE tenant = ? AND id < ? ORDER BY id DESC LIMIT ?',
  openRuns: "SELECT body FROM purge_run WHERE tenant = ? AND state NOT IN ('done', 'stale') ORDER BY id",
  pages: 'SELECT body FROM purge_page WHERE tenant = ? AND run = ? AND n > ? ORDER BY n LIMIT ?',
  approval: 'SELECT body FROM approval WHERE tenant = ? AND id = ?',
  approvals: 'SELECT body FROM approval WHERE tenant = ? AND state = ? AND id > ? ORDER BY id LIMIT ?',
  retention: 'SELECT body FROM retention_state WHERE tenant = ?',
  namedBlobs: `SELECT DISTINCT blob_key FROM document
    WHERE blob_key IN (SELECT value FROM json_each(?)) AND blob_key IS NOT NULL`,
  takeLease: `INSERT INTO lease (name, holder, until_ms, fence) VALUES (?1, ?2, ?3, 1)
    ON CONFLICT (name) DO UPDATE SET
      fence = fence + (holder <> excluded.holder), holder = excluded.holder, until_ms = excluded.until_ms
    WHERE until_ms <= ?4 OR holder = excluded.holder OR until_ms > excluded.until_ms + 86400000
      OR (holder = '' AND until_ms > ?5)
    RETURNING fence`,
  // The row stays, without a holder, so that the fencing number goes on.
  dropLease: "UPDATE lease SET holder = '', until_ms = ?3 WHERE name = ?1 AND holder = ?2",
} as const

const tenantTables = [
  'document',
  'subject',
  'review',
  'desk',
  'answer',
  'api_key',
  'denied_token',
  'epoch',
  'purge_run',
  'purge_page',
  'approval',
  'retention_state',
] as const

/** Hops from tenant to tenant along each table's index: a plain DISTINCT would walk every row. */
export const tenants = `SELECT tenant FROM (${tenantTables.map(hopsIn).join(' UNION ')}) ORDER BY tenant`

function hopsIn(table: string): string {
  return `SELECT tenant FROM (WITH RECURSIVE hop (tenant) AS (
    SELECT min(tenant) FROM ${table}
    UNION ALL SELECT (SELECT min(t.tenant) FROM ${table} t WHERE t.tenant > hop.tenant) FROM hop
      WHERE hop.tenant IS NOT NULL
  ) SELECT tenant FROM hop WHERE tenant IS NOT NULL)`
}
