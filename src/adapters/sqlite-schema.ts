/** The files of the data folder, each `<name>.sqlite`. */
export const sqliteFileNames = ['trail', 'ledger', 'wrapped-keys', 'budgets'] as const
export type SqliteFileName = (typeof sqliteFileNames)[number]

export interface SqliteSchema {
  /** FULL syncs each commit; NORMAL keeps commits over a crash of the process and may lose the last ones in a power cut. */
  readonly synchronous: 'FULL' | 'NORMAL'
  /** What is deleted is overwritten in the file. */
  readonly secureDelete: boolean
  /** So much of the file is kept in memory; a transaction that writes more than fits writes some pages twice. */
  readonly cacheKib: number
  /** Script n brings `PRAGMA user_version` from n to n + 1; scripts that were released are never changed. */
  readonly migrations: readonly string[]
}

const trail = `
CREATE TABLE batch (
  log TEXT NOT NULL,
  seq INTEGER NOT NULL CHECK (seq >= 0),
  first INTEGER NOT NULL CHECK (first >= 0),
  n INTEGER NOT NULL CHECK (n BETWEEN 1 AND 512),
  prev_root BLOB NOT NULL CHECK (length(prev_root) = 32),
  root BLOB NOT NULL CHECK (length(root) = 32),
  frontier BLOB NOT NULL CHECK (length(frontier) % 32 = 0),
  entries BLOB NOT NULL,
  inst TEXT NOT NULL,
  nonce BLOB NOT NULL CHECK (length(nonce) = 16),
  time_ms INTEGER NOT NULL,
  PRIMARY KEY (log, seq)
) STRICT;
CREATE INDEX batch_by_first ON batch (log, first);
CREATE TRIGGER batch_is_never_updated BEFORE UPDATE ON batch BEGIN SELECT RAISE(ABORT, 'append only'); END;
CREATE TRIGGER batch_is_never_deleted BEFORE DELETE ON batch BEGIN SELECT RAISE(ABORT, 'append only'); END;
CREATE TABLE probe (id INTEGER PRIMARY KEY CHECK (id = 1), n INTEGER NOT NULL) STRICT;
INSERT INTO probe VALUES (1, 0);
`

/** The row is `body`, JSON as the domain types it; a column beside it exists only because a query or a rule needs it. */
const ledger = `
CREATE TABLE document (
  tenant TEXT NOT NULL,
  id TEXT NOT NULL,
  subject TEXT NOT NULL,
  state TEXT NOT NULL CHECK (state IN ('depositing', 'stored', 'purging', 'purged', 'abandoned')),
  upload_mac TEXT,
  blob_key TEXT,
  due_ms INTEGER,
  version INTEGER NOT NULL,
  body TEXT NOT NULL CHECK (json_valid(body)),
  PRIMARY KEY (tenant, id)
) STRICT;
CREATE UNIQUE INDEX document_upload ON document (tenant, subject, upload_mac) WHERE state IN ('depositing', 'stored');
CREATE INDEX document_of_subject ON document (tenant, subject, id) WHERE state IN ('stored', 'purging', 'purged');
CREATE INDEX document_overdue ON document (tenant, due_ms, id) WHERE state IN ('depositing', 'abandoned');
CREATE INDEX document_blob ON document (blob_key) WHERE blob_key IS NOT NULL;
CREATE TABLE subject (
  tenant TEXT NOT NULL,
  id TEXT NOT NULL,
  reference TEXT NOT NULL,
  version INTEGER NOT NULL,
  body TEXT NOT NULL CHECK (json_valid(body)),
  PRIMARY KEY (tenant, id),
  UNIQUE (tenant, reference)
) STRICT;
CREATE TABLE review (
  tenant TEXT NOT NULL,
  id TEXT NOT NULL,
  document TEXT NOT NULL,
  state TEXT NOT NULL CHECK (state IN ('pending', 'approved', 'rejected')),
  version INTEGER NOT NULL,
  body TEXT NOT NULL CHECK (json_valid(body)),
  PRIMARY KEY (tenant, id),
  UNIQUE (tenant, document)
) STRICT;
CREATE INDEX review_by_state ON review (tenant, state, id);
CREATE TABLE desk (
  tenant TEXT NOT NULL,
  person TEXT NOT NULL,
  version INTEGER NOT NULL,
  body TEXT NOT NULL CHECK (json_valid(body)),
  PRIMARY KEY (tenant, person)
) STRICT;
CREATE TABLE answer (
  tenant TEXT NOT NULL,
  key TEXT NOT NULL PRIMARY KEY,
  expires_ms INTEGER NOT NULL,
  version INTEGER NOT NULL,
  body TEXT NOT NULL CHECK (json_valid(body))
) STRICT;
CREATE INDEX answer_by_expiry ON answer (tenant, expires_ms, key);
CREATE TABLE api_key (
  tenant TEXT NOT NULL,
  key_id TEXT NOT NULL PRIMARY KEY,
  version INTEGER NOT NULL,
  body TEXT NOT NULL CHECK (json_valid(body))
) STRICT;
CREATE INDEX api_key_of_tenant ON api_key (tenant, key_id);
CREATE TABLE lease (
  name TEXT NOT NULL PRIMARY KEY,
  holder TEXT NOT NULL,
  until_ms INTEGER NOT NULL,
  fence INTEGER NOT NULL
) STRICT;
`

const epochs = `
CREATE TABLE epoch (
  tenant TEXT NOT NULL,
  epoch TEXT NOT NULL,
  version INTEGER NOT NULL,
  body TEXT NOT NULL CHECK (json_valid(body)),
  PRIMARY KEY (tenant, epoch)
) STRICT;
`

/** Which tokens of an issuer are without force before their time. */
const deniedTokens = `
CREATE TABLE denied_token (
  tenant TEXT NOT NULL,
  id TEXT NOT NULL,
  expires_ms INTEGER NOT NULL,
  version INTEGER NOT NULL,
  body TEXT NOT NULL CHECK (json_valid(body)),
  PRIMARY KEY (tenant, id)
) STRICT;
CREATE INDEX denied_token_by_expiry ON denied_token (tenant, expires_ms, id);
`

/** What the clock of retention asks for. Rows from before know no hold, and their `look_ms` is reckoned by the first look. */
const retention = `
ALTER TABLE document ADD COLUMN purged_ms INTEGER;
CREATE INDEX document_live ON document (tenant, subject, id) WHERE state IN ('depositing', 'stored', 'purging');
CREATE INDEX document_purging ON document (tenant, id) WHERE state = 'purging';
CREATE INDEX document_purged ON document (tenant, purged_ms) WHERE purged_ms IS NOT NULL;
ALTER TABLE subject ADD COLUMN look_ms INTEGER;
ALTER TABLE subject ADD COLUMN held INTEGER NOT NULL DEFAULT 0 CHECK (held IN (0, 1));
ALTER TABLE subject ADD COLUMN unanswered INTEGER NOT NULL DEFAULT 0 CHECK (unanswered IN (0, 1));
UPDATE subject SET body = json_set(body, '$.holds', json('[]')) WHERE body ->> 'holds' IS NULL;
UPDATE subject SET unanswered = 1 WHERE body ->> 'deletionAskedAtMs' IS NOT NULL
  AND (body ->> 'reopenedAtMs' IS NULL OR body ->> 'deletionAskedAtMs' > body ->> 'reopenedAtMs');
CREATE INDEX subject_due ON subject (tenant, look_ms, id) WHERE look_ms IS NOT NULL;
CREATE INDEX subject_held ON subject (tenant, id) WHERE held = 1;
CREATE INDEX subject_unanswered ON subject (tenant, id) WHERE unanswered = 1;
ALTER TABLE answer ADD COLUMN document TEXT;
ALTER TABLE answer ADD COLUMN subject TEXT;
UPDATE answer SET document = body ->> 'document' WHERE body ->> 'document' IS NOT NULL;
CREATE INDEX answer_of_document ON answer (tenant, document, key) WHERE document IS NOT NULL;
CREATE INDEX answer_of_subject ON answer (tenant, subject, key) WHERE subject IS NOT NULL;
CREATE TABLE purge_run (
  tenant TEXT NOT NULL,
  id TEXT NOT NULL,
  state TEXT NOT NULL CHECK (state IN ('planned', 'approved', 'requested', 'executing', 'done', 'stale')),
  version INTEGER NOT NULL,
  body TEXT NOT NULL CHECK (json_valid(body)),
  PRIMARY KEY (tenant, id)
) STRICT;
CREATE INDEX purge_run_open ON purge_run (tenant, id) WHERE state NOT IN ('done', 'stale');
CREATE TABLE purge_page (
  tenant TEXT NOT NULL,
  run TEXT NOT NULL,
  n INTEGER NOT NULL CHECK (n >= 0),
  version INTEGER NOT NULL,
  body TEXT NOT NULL CHECK (json_valid(body)),
  PRIMARY KEY (tenant, run, n)
) STRICT;
CREATE TABLE approval (
  tenant TEXT NOT NULL,
  id TEXT NOT NULL,
  state TEXT NOT NULL CHECK (state IN ('pending', 'granted', 'refused', 'used')),
  version INTEGER NOT NULL,
  body TEXT NOT NULL CHECK (json_valid(body)),
  PRIMARY KEY (tenant, id)
) STRICT;
CREATE INDEX approval_by_state ON approval (tenant, state, id);
CREATE TABLE retention_state (
  tenant TEXT NOT NULL PRIMARY KEY,
  version INTEGER NOT NULL,
  body TEXT NOT NULL CHECK (json_valid(body))
) STRICT;
`

/** Which papers came under a policy that is not known here any more, or not yet. */
const laterPolicies = `
CREATE INDEX document_policy ON document (tenant, body ->> 'policyVersion') WHERE state = 'stored';
`

/** One index over all papers of a person instead of two over those in some states: no move from state to state touches it. */
const documentsOfSubject = `
DROP INDEX document_of_subject;
DROP INDEX document_live;
CREATE INDEX document_of_subject ON document (tenant, subject, id);
`

/** When the time for an answer to a request to be deleted began: `answerBeganMs`, for rows that are there. */
const answerTimes = `
ALTER TABLE subject ADD COLUMN answer_ms INTEGER;
UPDATE subject SET answer_ms = max(body ->> 'closedAtMs', (
    SELECT min(value) FROM (
      SELECT value FROM json_each(coalesce(body -> 'deletionAskedBeforeMs', '[]'))
      UNION ALL SELECT body ->> 'deletionAskedAtMs')
    WHERE (body ->> 'reopenedAtMs' IS NULL OR value > body ->> 'reopenedAtMs')
      AND (body ->> 'deletionAnswered' IS NULL OR value > body ->> '$.deletionAnswered.answeredAtMs'
        OR body ->> '$.deletionAnswered.askedAtMs' <= body ->> 'reopenedAtMs')))
  WHERE unanswered = 1
    AND body ->> 'closedAtMs' > coalesce(body ->> 'reopenedAtMs', body ->> 'closedAtMs' - 1);
CREATE INDEX subject_answer ON subject (tenant, answer_ms) WHERE answer_ms IS NOT NULL;
`

const wrappedKeys = `
CREATE TABLE wrapped_key (
  id TEXT NOT NULL PRIMARY KEY,
  tenant TEXT NOT NULL,
  document TEXT NOT NULL,
  epoch TEXT NOT NULL,
  edks BLOB NOT NULL,
  created_ms INTEGER NOT NULL
) STRICT;
`

/** Rows by epoch, where a rewrap is on record, and the epochs that take no row any more. */
const wrappedKeyEpochs = `
ALTER TABLE wrapped_key ADD COLUMN rewrap_log TEXT;
ALTER TABLE wrapped_key ADD COLUMN rewrap_index INTEGER CHECK ((rewrap_index IS NULL) = (rewrap_log IS NULL));
CREATE INDEX wrapped_key_by_epoch ON wrapped_key (epoch, tenant, id);
CREATE TABLE closed_epoch (
  tenant TEXT NOT NULL,
  epoch TEXT NOT NULL,
  PRIMARY KEY (tenant, epoch)
) STRICT, WITHOUT ROWID;
`

/** What was destroyed or replaced is all zeros; a stored list begins with its count, and an empty one is nothing else. */
export const isKeyThere = "(substr(edks, 1, 2) <> x'0000' OR length(edks) = 2)"

/** Without the rows that are zeros: they are looked for by nobody. */
const livingKeysByEpoch = `
DROP INDEX wrapped_key_by_epoch;
CREATE INDEX wrapped_key_by_epoch ON wrapped_key (epoch, tenant, id) WHERE ${isKeyThere};
`

const budgets = `
CREATE TABLE spend (
  key TEXT NOT NULL,
  window_ms INTEGER NOT NULL,
  spent INTEGER NOT NULL,
  PRIMARY KEY (key, window_ms)
) STRICT, WITHOUT ROWID;
CREATE INDEX spend_by_window ON spend (window_ms);
`

export const sqliteSchemas: Readonly<Record<SqliteFileName, SqliteSchema>> = {
  trail: { synchronous: 'FULL', secureDelete: false, cacheKib: 2_000, migrations: [trail] },
  ledger: {
    synchronous: 'FULL',
    secureDelete: true,
    cacheKib: 16_000,
    migrations: [ledger, epochs, deniedTokens, retention, laterPolicies, documentsOfSubject, answerTimes],
  },
  'wrapped-keys': {
    synchronous: 'FULL',
    secureDelete: true,
    cacheKib: 2_000,
    migrations: [wrappedKeys, wrappedKeyEpochs, livingKeysByEpoch],
  },
  budgets: { synchronous: 'NORMAL', secureDelete: false, cacheKib: 2_000, migrations: [budgets] },
}
