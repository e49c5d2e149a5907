import assert from 'node:assert/strict'
import { test } from 'node:test'
import { mongoRoles } from '../../src/adapters/mongo-roles.ts'

const roles = mongoRoles('vault', 'vault-keys')

/** What one of the roles may do to a collection of the main database, but looking. */
function writesOf(role: string, collection: string): readonly string[] {
  const { privileges } = roles[role] ?? assert.fail(role)
  const found = privileges.find(({ resource }) => resource.db === 'vault' && resource.collection === collection)
  return (found?.actions ?? assert.fail(collection)).filter(action => action !== 'find' && action !== 'listIndexes')
}

test('whoever breaks into the database by the way of uploads or of jobs makes no credential, vote or epoch', () => {
  for (const role of ['upload', 'purge', 'rewrap']) {
    assert.deepEqual(writesOf(role, 'api_keys'), [], role)
    assert.deepEqual(writesOf(role, 'approvals'), [], role)
  }
  for (const role of ['upload', 'purge']) assert.deepEqual(writesOf(role, 'epochs'), [], role)
  assert.deepEqual(writesOf('upload', 'denied_tokens'), [])
  assert.deepEqual(writesOf('purge', 'denied_tokens'), ['remove'], 'they are forgotten, and none is made')
})

test('whoever takes papers in plans no purge, trusts no clock, and removes nothing but answers', () => {
  for (const collection of ['purge_runs', 'purge_pages', 'retention_states', 'desks']) {
    assert.deepEqual(writesOf('upload', collection), [], collection)
  }
  for (const collection of ['documents', 'subjects', 'reviews']) {
    assert.deepEqual(writesOf('upload', collection), ['insert', 'update'], collection)
  }
  assert.deepEqual(writesOf('upload', 'answers'), ['insert', 'update', 'remove'])
})

test('nobody changes or removes an entry of the trail, and who decides for people removes no row', () => {
  for (const role of ['upload', 'read', 'purge', 'rewrap'])
    assert.deepEqual(writesOf(role, 'trail_batches'), ['insert'])
  const { privileges } = roles['read'] ?? assert.fail()
  assert.ok(privileges.every(({ actions }) => !actions.includes('remove')))
})
