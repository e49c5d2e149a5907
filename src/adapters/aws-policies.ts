/** What the rights are about, each by its exact name. */
export interface PolicyFacts {
  /** ARNs; `former` are those that still open something. */
  readonly documents: readonly { readonly active: string; readonly alias?: string; readonly former?: string }[]
  /** ARNs of earlier epochs that a setting names. */
  readonly formerDocuments: readonly string[]
  readonly blindIndex: string
  readonly door: string | undefined
  readonly bucket: string
  /** Before every name, ending in `/`, or nothing. */
  readonly prefix: string
  /** Bucket of the list of the destroyed. */
  readonly anchor: string
}

export interface Statement {
  readonly Sid: string
  readonly Effect: 'Allow'
  readonly Action: readonly string[]
  readonly Resource: readonly string[]
  readonly Condition?: Readonly<Record<string, Readonly<Record<string, string>>>>
}

/** A document of IAM. */
export interface IamPolicy {
  readonly Version: '2012-10-17'
  readonly Statement: readonly Statement[]
}

/** Who may do what at KMS and S3. The first four are processes (`serve --as`), the last two an operator's hand. */
export const policyRoles = ['upload', 'read', 'purge', 'rewrap', 'rotate', 'retire'] as const
export type PolicyRole = (typeof policyRoles)[number]

const forPapers = { StringEquals: { 'kms:EncryptionContext:purpose': 'document', 'kms:EncryptionContext:fmt': '1' } }
const forTheDoor = { StringEquals: { 'kms:EncryptionContext:purpose': 'door', 'kms:EncryptionContext:fmt': '1' } }
const tagged = (of: 'RequestTag' | 'ResourceTag') => ({
  StringEquals: { [`aws:${of}/vault`]: 'kyc-document-vault' },
})

/**
 * The least rights that each role's code path needs, and no more. Nobody may both make and open data keys, nobody who destroys has
 * any right at KMS, and whoever rewraps can send a data key only to the exact new ARN: a free destination would be as good
 * as `Decrypt`. An upload that is given up after its last byte leaves its body to the sweep of `purge`, so `upload` deletes nothing.
 */
export function awsPolicies(facts: PolicyFacts): Readonly<Record<PolicyRole, IamPolicy>> {
  const active = facts.documents.map(one => one.active)
  const former = [...facts.documents.flatMap(one => one.former ?? []), ...facts.formerDocuments]
  const all = [...active, ...former]
  const describe = allow('DescribeKeys', ['kms:DescribeKey'], all)
  const door = facts.door === undefined ? [] : [allow('OpenDoor', ['kms:Decrypt'], [facts.door], forTheDoor)]
  const s3 = s3Statements(facts)
  return {
    upload: policy(
      describe,
      allow('MakeDataKeys', ['kms:GenerateDataKey'], active, forPapers),
      allow('BlindIndex', ['kms:DescribeKey', 'kms:GenerateMac'], [facts.blindIndex]),
      ...door,
      ...s3.anybody,
      allow('PutPapers', ['s3:PutObject', 's3:GetObject'], [s3.papers]),
      s3.readAnchor,
    ),
    read: policy(
      describe,
      allow('OpenDataKeys', ['kms:Decrypt'], all, forPapers),
      allow('BlindIndex', ['kms:DescribeKey'], [facts.blindIndex]),
      ...door,
      ...s3.anybody,
      allow('ReadPapers', ['s3:GetObject'], [s3.papers]),
      s3.readAnchor,
    ),
    purge: policy(
      ...s3.anybody,
      allow('ListVersions', ['s3:ListBucketVersions'], [s3.bucket]),
      allow('DestroyPapers', ['s3:DeleteObject', 's3:DeleteObjectVersion'], [s3.papers]),
      s3.readAnchor,
      allow('AppendAnchors', ['s3:PutObject', 's3:PutObjectRetention'], [s3.anchors]),
    ),
    rewrap: policy(
      describe,
      ...(former.length === 0 ? [] : [allow('RewrapFrom', ['kms:ReEncryptFrom'], former, forPapers)]),
      allow('RewrapTo', ['kms:ReEncryptTo'], active, forPapers),
      s3.listAnchor,
      s3.readAnchor,
    ),
    rotate: policy(
      describe,
      allow('ReadKeyPolicy', ['kms:GetKeyPolicy'], active),
      allow('MakeKey', ['kms:CreateKey', 'kms:TagResource'], ['*'], tagged('RequestTag')),
      allow('MoveAliases', ['kms:CreateAlias', 'kms:UpdateAlias'], [...aliasesOf(facts), ...all]),
      allow('AliasNewKey', ['kms:CreateAlias', 'kms:UpdateAlias'], [anyKeyBeside(active)], tagged('ResourceTag')),
      s3.listAnchor,
      s3.readAnchor,
    ),
    retire: policy(
      describe,
      ...(former.length === 0 ? [] : [allow('EndKeys', ['kms:DisableKey', 'kms:ScheduleKeyDeletion'], former)]),
      s3.listAnchor,
      s3.readAnchor,
    ),
  }
}

function s3Statements({ bucket: name, prefix, anchor: anchorName }: PolicyFacts) {
  const bucket = `arn:aws:s3:::${name}`
  const anchor = `arn:aws:s3:::${anchorName}`
  const anchors = `${anchor}/${prefix}destroyed/v1/*`
  const listAnchor = allow('ListAnchors', ['s3:ListBucket'], [anchor])
  return {
    bucket,
    anchors,
    papers: `${bucket}/${prefix}v1/*`,
    listAnchor,
    readAnchor: allow('ReadAnchors', ['s3:GetObject'], [anchors]),
    anybody: [
      allow('FindPapers', ['s3:ListBucket'], [bucket]),
      // What the start holds against the tenants' promises; without them it goes on, and says what it was not told.
      allow(
        'InspectBuckets',
        [
          's3:GetBucketVersioning',
          's3:GetEncryptionConfiguration',
          's3:GetBucketPolicyStatus',
          's3:GetBucketPublicAccessBlock',
          's3:GetReplicationConfiguration',
          's3:GetBucketObjectLockConfiguration',
        ],
        [bucket, anchor],
      ),
      listAnchor,
    ],
  }
}

/** The alias of each key and the one that a flip leaves behind, as ARNs beside the key. */
function aliasesOf({ documents }: PolicyFacts): readonly string[] {
  return documents.flatMap(({ active, alias }) => {
    if (alias === undefined) return []
    const beside = active.slice(0, active.lastIndexOf(':') + 1)
    return [`${beside}${alias}`, `${beside}${alias}-former`]
  })
}

const anyKeyBeside = ([arn = '']: readonly string[]): string => `${arn.slice(0, arn.lastIndexOf('/'))}/*`

function allow(
  Sid: string,
  Action: readonly string[],
  Resource: readonly string[],
  Condition?: Statement['Condition'],
): Statement {
  return { Sid, Effect: 'Allow', Action, Resource: [...new Set(Resource)], ...(Condition ? { Condition } : {}) }
}

function policy(...Statement: readonly Statement[]): IamPolicy {
  return { Version: '2012-10-17', Statement }
}
