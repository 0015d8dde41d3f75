// The official Node client, unmodified, against the sandbox.
// Reads the sandbox's JSON line from standard input; prints `ok ID` or `FAIL ID: why` per check.
import { Client, Signature } from '@hubspot/api-client'
import { createServer } from 'node:http'
import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import assert from 'node:assert/strict'

const { url, credentials } = JSON.parse(readFileSync(0, 'utf8').split('\n').find((line) => line.startsWith('{')))
const client = new Client({ accessToken: credentials.access_token, basePath: url })

async function control(path, body) {
  const options = body === undefined ? {} : { method: 'POST', body: JSON.stringify(body) }
  const answer = await fetch(`${url}/__sandbox/${path}`, options)
  assert.equal(answer.status, 200, await answer.clone().text())
  return answer.json()
}
const admin = (body) => control('admin', body)
const knob = (name, value) => admin({ do: 'set_knob', name, value })
const faults = (...rules) => control('faults', { rules })
const advance = (seconds) => control('clock', { advance_s: seconds })

async function refusal(promise) {
  try {
    await promise
  } catch (error) {
    return { ...error.body, status: error.code, reason: error.body?.status }
  }
  throw new Error('was not refused')
}

let failures = 0
async function check(id, run) {
  try {
    await run()
    console.log(`ok ${id}`)
  } catch (error) {
    failures += 1
    console.log(`FAIL ${id}: ${String(error.message).split('\n').join(' ').slice(0, 300)}`)
  }
}

const { contacts, companies, deals } = client.crm
const contact = async (properties) => (await contacts.basicApi.create({ properties, associations: [] })).id
const company = async (properties) => (await companies.basicApi.create({ properties, associations: [] })).id
const deal = async (properties) => (await deals.basicApi.create({ properties, associations: [] })).id
const defined = (associationTypeId) => ({ associationCategory: 'HUBSPOT_DEFINED', associationTypeId })

await knob('search_lag_ms', 0)
for (const name of ['search', 'burst', 'burst_oauth', 'associations']) await admin({ do: 'set_limit', name, value: 100000 })

await check('node_contact_crud', async () => {
  const made = await contacts.basicApi.create({ properties: { email: 'Node.Ada@example.com', firstname: 'Ada' } })
  assert.equal(made.properties.email, 'node.ada@example.com')
  assert.equal(made.archived, false)
  assert.ok(made.createdAt instanceof Date && made.updatedAt instanceof Date)
  const read = await contacts.basicApi.getById(made.id, ['email', 'phone', 'nonsense'])
  assert.equal(read.properties.phone, null)
  assert.ok(!('nonsense' in read.properties))
  const patched = await contacts.basicApi.update(made.id, { properties: { firstname: 'Grace' } })
  assert.equal(patched.properties.firstname, 'Grace')
  await contacts.basicApi.archive(made.id)
  assert.equal((await refusal(contacts.basicApi.getById(made.id))).status, 404)
})

await check('node_create_without_properties', async () => {
  const made = await contacts.basicApi.create({ email: 'ignored@example.com' })
  assert.ok(made.id)
})

await check('node_id_property_with_plus', async () => {
  const id = await contact({ email: 'node+plus@example.com' })
  const read = await contacts.basicApi.getById('node+plus@example.com', undefined, undefined, undefined, false, 'email')
  assert.equal(read.id, id)
})

await check('node_duplicate_email_409', async () => {
  const id = await contact({ email: 'node.twice@example.com' })
  const refused = await refusal(contact({ email: 'node.twice@example.com' }))
  assert.equal(refused.status, 409)
  assert.equal(refused.message, `Contact already exists. Existing ID: ${id}`)
})

await check('node_validation_messages', async () => {
  const refused = await refusal(contact({ email: 'bad@', nonsense: '1' }))
  assert.equal(refused.status, 400)
  assert.equal(refused.category, 'VALIDATION_ERROR')
  assert.deepEqual(refused.errors.map((one) => one.code), ['INVALID_EMAIL', 'PROPERTY_DOESNT_EXIST'])
  assert.match(refused.message, /^Property values were not valid: \[/)
})

await check('node_unknown_object_type', async () => {
  const refused = await refusal(client.crm.objects.basicApi.getPage('butterflies'))
  assert.equal(refused.message, 'Unable to infer object type from: butterflies')
})

await check('node_generic_object_type', async () => {
  const id = await company({ name: 'Generic' })
  for (const type of ['companies', 'COMPANY', '0-2']) {
    assert.equal((await client.crm.objects.basicApi.getById(type, id)).id, id)
  }
})

await check('node_get_all_pages', async () => {
  for (let at = 0; at < 3; at += 1) {
    const inputs = Array.from({ length: 50 }, (_, n) => ({ properties: { name: `Paged ${at}-${n}` }, associations: [] }))
    await companies.batchApi.create({ inputs })
  }
  const all = await companies.getAll()
  assert.ok(all.length >= 150)
  assert.equal(new Set(all.map((one) => one.id)).size, all.length)
})

await check('node_archived_list', async () => {
  const id = await company({ name: 'Gone' })
  await companies.basicApi.archive(id)
  await companies.basicApi.archive(id)
  const page = await companies.basicApi.getPage(100, undefined, undefined, undefined, undefined, true)
  const row = page.results.find((one) => one.id === id)
  assert.ok(row.archived && row.archivedAt instanceof Date)
})

await check('node_list_with_history', async () => {
  const id = await company({ name: 'Old name' })
  await companies.basicApi.update(id, { properties: { name: 'New name' } })
  const read = await companies.basicApi.getById(id, undefined, ['name'])
  assert.deepEqual(read.propertiesWithHistory.name.map((one) => one.value), ['New name', 'Old name'])
  const refused = await refusal(companies.basicApi.getPage(100, undefined, undefined, ['name']))
  assert.equal(refused.status, 400)
})

await check('node_batch_create_207', async () => {
  await contact({ email: 'node.known@example.com' })
  const answer = await contacts.batchApi.create({
    inputs: [
      { objectWriteTraceId: 'a', properties: { email: 'node.known@example.com' }, associations: [] },
      { objectWriteTraceId: 'b', properties: { email: 'node.new@example.com' }, associations: [] },
    ],
  })
  assert.equal(answer.numErrors, 1)
  assert.equal(answer.results[0].objectWriteTraceId, 'b')
  assert.equal(answer.errors[0].category, 'CONFLICT')
  assert.deepEqual(answer.errors[0].context.objectWriteTraceId, ['a'])
})

await check('node_batch_all_or_nothing', async () => {
  const inputs = [{ properties: { email: 'node.good@example.com' } }, { properties: { email: 'bad@' } }]
  const refused = await refusal(contacts.batchApi.create({ inputs }))
  assert.equal(refused.status, 400)
  const read = await contacts.batchApi.read({ idProperty: 'email', properties: [], propertiesWithHistory: [], inputs: [{ id: 'node.good@example.com' }] })
  assert.equal(read.errors[0].category, 'OBJECT_NOT_FOUND')
})

await check('node_batch_duplicate_ids', async () => {
  const id = await contact({ firstname: 'Dup' })
  const row = { id, properties: { firstname: 'X' } }
  const refused = await refusal(contacts.batchApi.update({ inputs: [row, row] }))
  assert.equal(refused.message, `Duplicate IDs found in batch input: [${id}]. IDs must be unique`)
})

await check('node_batch_upsert_new_flag', async () => {
  const row = (firstname) => ({ inputs: [{ id: 'node.upsert@example.com', idProperty: 'email', properties: { firstname } }] })
  assert.equal((await contacts.batchApi.upsert(row('A'))).results[0]._new, true)
  assert.equal((await contacts.batchApi.upsert(row('B'))).results[0]._new, false)
})

await check('node_batch_caps', async () => {
  const inputs = Array.from({ length: 101 }, () => ({ properties: {}, associations: [] }))
  assert.equal((await refusal(contacts.batchApi.create({ inputs }))).status, 400)
})

await check('node_batch_archive', async () => {
  const id = await contact({})
  await contacts.batchApi.archive({ inputs: [{ id }] })
  assert.equal((await refusal(contacts.basicApi.getById(id))).status, 404)
})

await check('node_search_filters_and_paging', async () => {
  for (const [name, city] of [['S1', 'Oslo'], ['S2', 'Oslo'], ['S3', 'Rome']]) await company({ name, city, industry: 'RETAIL' })
  const query = {
    filterGroups: [{ filters: [{ propertyName: 'city', operator: 'EQ', value: 'oslo' }, { propertyName: 'industry', operator: 'EQ', value: 'RETAIL' }] }],
    sorts: ['-name'], properties: ['name'], limit: 1, after: 0,
  }
  const first = await companies.searchApi.doSearch(query)
  assert.equal(first.total, 2)
  assert.equal(first.results[0].properties.name, 'S2')
  const second = await companies.searchApi.doSearch({ ...query, after: first.paging.next.after })
  assert.equal(second.results[0].properties.name, 'S1')
  assert.equal(second.paging, undefined)
})

await check('node_search_wrong_stamp_property', async () => {
  const since = (propertyName) => ({ filterGroups: [{ filters: [{ propertyName, operator: 'GTE', value: '1000' }] }] })
  assert.ok((await contacts.searchApi.doSearch(since('lastmodifieddate'))).total > 0)
  assert.equal((await contacts.searchApi.doSearch(since('hs_lastmodifieddate'))).total, 0)
  assert.ok((await companies.searchApi.doSearch(since('hs_lastmodifieddate'))).total > 0)
})

await check('node_search_refusals', async () => {
  const status = async (body) => (await refusal(companies.searchApi.doSearch(body))).status
  assert.equal(await status({ limit: 200, after: '9801' }), 400)
  assert.equal(await status({ filterGroups: [], properties: ['x'.repeat(3000)] }), 400)
  const filter = { propertyName: 'name', operator: 'HAS_PROPERTY' }
  assert.equal(await status({ filterGroups: Array(5).fill({ filters: Array(4).fill(filter) }) }), 400)
  assert.equal(await status({ filterGroups: [{ filters: [{ propertyName: 'hs_lastmodifieddate', operator: 'GTE', value: '0' }] }] }), 500)
})

await check('node_search_lag', async () => {
  await knob('search_lag_ms', 60000)
  const id = await company({ name: 'Lagging' })
  const query = { filterGroups: [{ filters: [{ propertyName: 'hs_object_id', operator: 'EQ', value: id }] }] }
  assert.equal((await companies.searchApi.doSearch(query)).total, 0)
  await advance(61)
  assert.equal((await companies.searchApi.doSearch(query)).total, 1)
  await knob('search_lag_ms', 0)
})

await check('node_merge_new_id', async () => {
  const [first, second] = [await contact({ email: 'm1@example.com' }), await contact({ email: 'm2@example.com' })]
  const merged = await contacts.basicApi.merge({ primaryObjectId: first, objectIdToMerge: second })
  assert.ok(merged.id !== first && merged.id !== second)
  assert.equal((await contacts.basicApi.getById(second)).id, merged.id)
  assert.equal(merged.properties.hs_merged_object_ids, `${first};${second}`)
})

await check('node_gdpr_delete', async () => {
  await contact({ email: 'forget@example.com' })
  await contacts.basicApi.purge({ objectId: 'forget@example.com', idProperty: 'email' })
  const read = contacts.basicApi.getById('forget@example.com', undefined, undefined, undefined, false, 'email')
  assert.equal((await refusal(read)).status, 404)
})

await check('node_associations_v4', async () => {
  const [person, first, second] = [await contact({}), await company({ name: 'P1' }), await company({ name: 'P2' })]
  const api = client.crm.associations.v4
  const put = await api.basicApi.create('contacts', person, 'companies', first, [defined(1)])
  assert.deepEqual(put.labels, ['Primary'])
  await api.basicApi.create('contacts', person, 'companies', second, [defined(1)])
  const page = await api.basicApi.getPage('contacts', person, 'companies')
  const types = Object.fromEntries(page.results.map((row) => [String(row.toObjectId), row.associationTypes.map((one) => one.typeId)]))
  assert.deepEqual(types, { [first]: [279], [second]: [1, 279] })
  const both = await api.basicApi.createDefault('contacts', person, 'companies', first)
  assert.equal(both.results.length, 2)
  await api.basicApi.archive('contacts', person, 'companies', first)
  assert.equal((await api.basicApi.getPage('companies', first, 'contacts')).results.length, 0)
})

await check('node_associations_v4_batch', async () => {
  const [person, lonely, firm] = [await contact({}), await contact({}), await company({ name: 'B' })]
  const api = client.crm.associations.v4.batchApi
  const made = await api.create('contacts', 'companies', { inputs: [{ _from: { id: person }, to: { id: firm }, types: [defined(279)] }] })
  assert.equal(String(made.results[0].toObjectId), firm)
  const read = await api.getPage('contacts', 'companies', { inputs: [{ id: person }, { id: lonely }] })
  assert.equal(read.results.length, 1)
  assert.equal(read.errors[0].subCategory, 'crm.associations.NO_ASSOCIATIONS_FOUND')
  await api.archiveLabels('contacts', 'companies', { inputs: [{ _from: { id: person }, to: { id: firm }, types: [defined(1)] }] })
  await api.archive('contacts', 'companies', { inputs: [{ _from: { id: person }, to: [{ id: firm }] }] })
  assert.equal((await api.getPage('contacts', 'companies', { inputs: [{ id: person }] })).results.length, 0)
})

await check('node_association_labels', async () => {
  const api = client.crm.associations.v4.schema.definitionsApi
  const made = await api.create('contacts', 'companies', { name: 'node_boss', label: 'Boss', inverseLabel: 'Led by' })
  const id = made.results[0].typeId
  await api.update('contacts', 'companies', { associationTypeId: id, label: 'Chief' })
  const all = await api.getAll('contacts', 'companies')
  assert.ok(all.results.some((one) => one.category === 'USER_DEFINED' && one.label === 'Chief'))
  await api.remove('contacts', 'companies', id)
})

await check('node_associations_v3', async () => {
  const [person, firm] = [await contact({}), await company({ name: 'V3' })]
  const row = { inputs: [{ _from: { id: person }, to: { id: firm }, type: 'contact_to_company' }] }
  const api = client.crm.associations
  await api.batchApi.create('contacts', 'companies', row)
  const read = await api.batchApi.read('contacts', 'companies', { inputs: [{ id: person }] })
  assert.deepEqual(read.results[0].to.map((one) => one.type), ['contact_to_company', 'contact_to_company_unlabeled'])
  await api.batchApi.archive('contacts', 'companies', row)
})

await check('node_inline_associations', async () => {
  const firm = await company({ name: 'Inline' })
  const made = await contacts.basicApi.create({ properties: {}, associations: [{ to: { id: firm }, types: [defined(279)] }] })
  const read = await contacts.basicApi.getById(made.id, undefined, undefined, ['companies'])
  assert.deepEqual(read.associations.companies.results.map((one) => one.id), [firm, firm])
})

await check('node_properties', async () => {
  const api = client.crm.properties
  const made = await api.coreApi.create('contacts', { name: 'node_key', label: 'Key', type: 'string', fieldType: 'text', groupName: 'contactinformation', hasUniqueValue: true })
  assert.equal(made.hasUniqueValue, true)
  const again = await refusal(api.coreApi.create('contacts', { name: 'node_key', label: 'Key', type: 'string', fieldType: 'text', groupName: 'contactinformation' }))
  assert.equal(again.status, 409)
  const all = await api.coreApi.getAll('contacts')
  assert.ok(all.results.some((one) => one.name === 'createdate' && one.modificationMetadata.readOnlyValue))
  assert.equal((await api.coreApi.update('contacts', 'node_key', { label: 'Our key' })).label, 'Our key')
  const found = await contacts.batchApi.upsert({ inputs: [{ id: 'k-1', idProperty: 'node_key', properties: { firstname: 'Keyed' } }] })
  assert.equal(found.results[0].properties.node_key, 'k-1')
  await api.coreApi.archive('contacts', 'node_key')
  const group = await api.groupsApi.create('contacts', { name: 'node_group', label: 'G', displayOrder: 1 })
  assert.equal(group.name, 'node_group')
  await api.groupsApi.archive('contacts', 'node_group')
})

await check('node_pipelines', async () => {
  const api = client.crm.pipelines
  const all = await api.pipelinesApi.getAll('deals')
  assert.equal(all.results[0].stages.find((stage) => stage.id === 'closedwon').metadata.isClosed, 'true')
  const made = await api.pipelinesApi.create('deals', { label: 'Node', displayOrder: 9, stages: [{ label: 'Open', displayOrder: 0, metadata: { probability: '0.5' } }] })
  const stage = await api.pipelineStagesApi.create('deals', made.id, { label: 'Won', displayOrder: 1, metadata: { probability: '1.0' } })
  const id = await deal({ dealname: 'D', pipeline: made.id, dealstage: stage.id })
  assert.equal((await refusal(api.pipelineStagesApi.archive('deals', made.id, stage.id))).status, 400)
  await deals.basicApi.archive(id)
  await api.pipelineStagesApi.archive('deals', made.id, stage.id)
  await api.pipelinesApi.archive('deals', made.id)
})

await check('node_deal_rules', async () => {
  assert.equal((await refusal(deal({ amount: '1' }))).status, 400)
  assert.equal((await refusal(deal({ dealname: 'X', dealstage: 'nowhere' }))).errors[0].code, 'INVALID_OPTION')
  assert.equal((await refusal(deal({ dealname: 'X', dealstage: 'closedwon', deal_currency_code: 'BRL' }))).errors[0].code, 'INVALID_OPTION')
  const id = await deal({ dealname: 'X', dealstage: 'closedwon', amount: '10' })
  const read = await deals.basicApi.getById(id, ['closedate', 'hs_is_closed_won', 'amount'])
  assert.equal(read.properties.hs_is_closed_won, 'true')
  assert.ok(read.properties.closedate)
})

await check('node_owners', async () => {
  const { id } = await admin({ do: 'add_owner', email: 'owner@example.com', firstName: 'O' })
  const page = await client.crm.owners.ownersApi.getPage('owner@example.com')
  assert.equal(page.results[0].id, id)
  await admin({ do: 'deactivate_owner', id })
  const gone = await client.crm.owners.ownersApi.getPage(undefined, undefined, 100, true)
  assert.equal(gone.results.find((one) => one.id === id).userId, null)
})

await check('node_oauth_tokens', async () => {
  const { client_id: id, client_secret: secret, refresh_token: refresh } = credentials
  const token = await client.oauth.tokensApi.create('refresh_token', undefined, undefined, id, secret, refresh)
  assert.equal(token.expiresIn, 1800)
  const info = await client.oauth.accessTokensApi.get(token.accessToken)
  assert.ok(info.scopes.includes('oauth'))
  const other = new Client({ accessToken: token.accessToken, basePath: url })
  await other.crm.contacts.basicApi.getPage(1)
  await advance(1801)
  const expired = await refusal(other.crm.contacts.basicApi.getPage(1))
  assert.equal(expired.category, 'EXPIRED_AUTHENTICATION')
  const bad = await refusal(client.oauth.tokensApi.create('refresh_token', undefined, undefined, id, secret, 'nonsense'))
  assert.deepEqual([bad.status, bad.reason], [400, 'BAD_REFRESH_TOKEN'])
})

await check('node_unauthorised', async () => {
  const refused = await refusal(new Client({ accessToken: 'pat-na1-wrong', basePath: url }).crm.contacts.basicApi.getPage(1))
  assert.equal(refused.status, 401)
  assert.equal(refused.category, 'INVALID_AUTHENTICATION')
})

await check('node_search_limit_and_message', async () => {
  await admin({ do: 'set_limit', name: 'search', value: 5 })
  await advance(2)
  const many = await Promise.allSettled(Array.from({ length: 8 }, () => companies.searchApi.doSearch({ limit: 1 })))
  await admin({ do: 'set_limit', name: 'search', value: 100000 })
  const refused = many.filter((one) => one.status === 'rejected').map((one) => one.reason)
  assert.ok(refused.length >= 1)
  assert.equal(refused[0].code, 429)
  assert.equal(refused[0].body.message, 'You have reached your secondly limit.')
})

await check('node_client_retries_429_and_5xx', async () => {
  const patient = new Client({ accessToken: credentials.access_token, basePath: url, numberOfApiCallRetries: 3 })
  await faults({ match: 'POST /crm/v3/objects/companies/search', times: 1, do: 'rate_limited' })
  assert.ok((await patient.crm.companies.searchApi.doSearch({ limit: 1 })).total >= 0)
  await faults({ match: 'read', times: 1, do: 'server_error' })
  await patient.crm.companies.basicApi.getPage(1)
  await faults()
})

await check('node_faults_seen_by_the_client', async () => {
  await faults({ match: 'write', times: 1, do: 'row_lock' })
  assert.equal((await refusal(contact({}))).status, 423)
  await faults({ match: 'write', times: 1, do: 'commit_then_reset' })
  const before = (await control('dump?object=contacts')).objects.contacts.length
  await assert.rejects(contact({ firstname: 'Reset' }))
  assert.equal((await control('dump?object=contacts')).objects.contacts.length, before + 1)
  // This client waits for ever for the rest of a body (node-fetch 2); the runtime's own fetch notices.
  await faults({ match: 'read', times: 1, do: 'truncated_body' })
  const headers = { authorization: `Bearer ${credentials.access_token}` }
  await assert.rejects(fetch(`${url}/crm/v3/objects/contacts`, { headers }).then((answer) => answer.text()))
  await faults({ match: 'read', times: 1, do: 'html_error' })
  await assert.rejects(contacts.basicApi.getPage(10))
  await faults()
})

await check('node_webhooks', async () => {
  // The client's signature helper compares the delivery's time with this machine's.
  await control('clock', { set: new Date().toISOString() })
  const received = []
  const server = createServer((request, response) => {
    const parts = []
    request.on('data', (part) => parts.push(part))
    request.on('end', () => {
      received.push({ headers: request.headers, body: Buffer.concat(parts).toString() })
      response.writeHead(204).end()
    })
  })
  await new Promise((done) => server.listen(0, '127.0.0.1', done))
  const target = `http://127.0.0.1:${server.address().port}/hook`
  const keyed = new Client({ developerApiKey: credentials.developer_key, basePath: url })
  const app = credentials.app_id
  await keyed.webhooks.settingsApi.configure(app, { targetUrl: target, throttling: { maxConcurrentRequests: 10 } })
  const made = await keyed.webhooks.subscriptionsApi.create(app, { eventType: 'contact.propertyChange', propertyName: 'firstname', active: true })
  assert.equal((await keyed.webhooks.subscriptionsApi.getAll(app)).results.length, 1)
  await contact({ firstname: 'Hooked' })
  for (let at = 0; at < 100 && received.length === 0; at += 1) await new Promise((done) => setTimeout(done, 50))
  server.close()
  const [{ headers, body }] = received
  const event = JSON.parse(body)[0]
  assert.equal(event.subscriptionType, 'contact.propertyChange')
  assert.equal(event.propertyValue, 'Hooked')
  assert.equal(headers['x-hubspot-signature'], createHash('sha256').update(credentials.client_secret + body).digest('hex'))
  const valid = Signature.isValid({
    signatureVersion: 'v3', signature: headers['x-hubspot-signature-v3'], method: 'POST', clientSecret: credentials.client_secret,
    requestBody: body, url: target, timestamp: Number(headers['x-hubspot-request-timestamp']),
  })
  assert.equal(valid, true)
  await keyed.webhooks.subscriptionsApi.archive(Number(made.id), app)
  await keyed.webhooks.settingsApi.clear(app)
})

await check('node_dump_and_calls', async () => {
  const dump = await control('dump')
  assert.equal(dump.vendor, 'hubspot')
  assert.deepEqual(Object.keys(dump.objects).sort(), ['companies', 'contacts', 'deals'])
  const calls = await control('calls')
  assert.equal(calls.calls, calls.units)
  assert.ok(calls.by_endpoint['POST /crm/v3/objects/contacts/batch/upsert'].rows >= 2)
})

process.exit(failures === 0 ? 0 : 1)
