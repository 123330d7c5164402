import { FRAME_BYTES, schemaIdOf } from '../../schemas/codec.ts';
import type {
  AvroRegistrationResponse,
  AvroRequest,
  AvroResponse,
  AvroResponseObserve,
} from '../../schemas/generated/records.ts';
import type { TopicName } from '../../schemas/topics.ts';
import { TOPICS } from '../../schemas/topics.ts';
import { type Fastavro, fastavro } from '../peers/peers.ts';
import { originalSchema } from '../vectors/original-avro.ts';
import { identityOf, identityOfReply, OBSERVE_TICKET } from './command-list.ts';
import { AIOCOAP, type Devices, LESHAN, MODBUS } from './devices.ts';
import { expectedPoints } from './expected-points.ts';
import { differing, greatestOf, lastOf } from './maxima-account.ts';
import { checkPoints } from './points-account.ts';
import type { Run } from './run.ts';
import { compareCopy, type TopicRecord } from './topic-account.ts';
import { held, until } from './waiting.ts';

const UP: readonly TopicName[] = ['registrations', 'observations', 'replies'];
const MAXIMA = 'maxPer30Seconds';
const CATCH_UP_TIMEOUT_MS = 60_000;
const SENSOR = '/3303/0/5700';
/** Records of each topic that the foreign Avro implementation is shown. */
const JUDGED_RECORDS = 60;
/** Notifications may be under way when an observation is cancelled. */
const CANCEL_GRACE_MS = 3_000;

type EdgeRecords = Readonly<Record<'registrations' | 'observations' | 'replies', readonly TopicRecord[]>>;

/** Hop by hop, once the devices have stopped: edge = cloud = stores, and every acknowledged number is there once. */
export async function checkAccounts(run: Run, devices: Devices): Promise<void> {
  const { requests, ...edge } = await checkCopies(run);
  const { site } = run;
  const observations = await site.decoded(edge.observations, site.readers.observations);
  const replies = await site.decoded(edge.replies, site.readers.replies);
  const points = [...observations, ...replies].flatMap(expectedPoints);
  run.findings.report.influx.points = await checkPoints(run, 'devices', points);
  await checkMaxima(run, observations);
  await checkNumbers(run, devices);
  checkReplies(run, await site.decoded(requests, site.readers.requests), replies);
  checkRegistrations(run, await site.decoded(edge.registrations, site.readers.registrations), devices);
  const cancelledAt = replies.find(
    ({ ticket, rep }) => ticket === OBSERVE_TICKET && rep.kind === 'observeCancel',
  )?.timestamp;
  const late = observations.filter(
    ({ ticket, timestamp }) => ticket === OBSERVE_TICKET && timestamp > (cancelledAt ?? 0) + CANCEL_GRACE_MS,
  );
  run.findings.expect(late.length === 0, `${late.length} notifications of an observation that was cancelled`);
  for (const topic of await site.deadLetters()) run.findings.fault(`records in ${topic}`);
  await judge(run, edge);
}

/** Each topic and its copy, in which readers of committed records find each record once, also after kills of the replicator. */
async function checkCopies(run: Run): Promise<EdgeRecords & { readonly requests: readonly TopicRecord[] }> {
  const sources: Partial<Record<TopicName, readonly TopicRecord[]>> = {};
  for (const name of [...UP, 'requests'] as const) sources[name] = await checkCopy(run, name);
  return sources as Awaited<ReturnType<typeof checkCopies>>;
}

/** Resolves with the records of the side that they are copied from. */
async function checkCopy(run: Run, name: TopicName): Promise<readonly TopicRecord[]> {
  const up = name !== 'requests';
  const { source, copy } = await caughtUp(run, name, up);
  const topic = run.site.topic(name);
  run.findings.report.edge[topic] = (up ? source : copy).length;
  run.findings.report.cloud[topic] = (up ? copy : source).length;
  const { repeats, faults } = compareCopy(source, copy);
  run.findings.progress(`${topic}: ${source.length} records, copied`);
  for (const fault of faults) run.findings.fault(`${topic}: ${fault}`);
  run.findings.expect(repeats === 0 && copy.length === source.length, `${topic}: ${repeats} records came twice`);
  return source;
}

/** As long as nothing was stopped, no record may come twice into the cloud. */
export async function checkNoRepeats({ site, findings }: Run): Promise<void> {
  for (const name of UP) {
    const { repeats } = compareCopy([], await site.records('cloud', name));
    findings.expect(repeats === 0, `${site.topic(name)}: ${repeats} records came twice into the cloud`);
  }
}

async function caughtUp(
  { site, signal }: Run,
  name: TopicName,
  up: boolean,
): Promise<{ source: readonly TopicRecord[]; copy: readonly TopicRecord[] }> {
  const read = async () => ({
    source: await site.records(up ? 'edge' : 'cloud', name),
    copy: await site.records(up ? 'cloud' : 'edge', name),
  });
  const deadline = performance.now() + CATCH_UP_TIMEOUT_MS;
  for (;;) {
    signal.throwIfAborted();
    const both = await read();
    if (compareCopy(both.source, both.copy).faults.length === 0 || performance.now() > deadline) return both;
  }
}

/** The analysis at the edge, although it was killed: the greatest value of each window, in the cloud and in InfluxDB once for each result. */
async function checkMaxima(run: Run, observations: readonly AvroResponseObserve[]): Promise<void> {
  const { site, findings, signal } = run;
  const wanted = greatestOf(observations);
  const found = async () => {
    const results = await site.decoded(await site.records('edge', MAXIMA), site.readers[MAXIMA]);
    return differing(wanted, lastOf(results));
  };
  const o = { what: 'the greatest value of each window', timeoutMs: CATCH_UP_TIMEOUT_MS, signal };
  await until(async () => held((await found()).length === 0), o).catch((error) => findings.fault(String(error)));
  for (const window of (await found()).slice(0, 5)) findings.fault(`another greatest value: ${window}`);
  findings.expect(wanted.size > 0, 'no observation has a number');
  const records = await checkCopy(run, MAXIMA);
  const results = await site.decoded(records, site.readers[MAXIMA]);
  findings.report.influx.maxima = await checkPoints(run, 'analyses', results.flatMap(expectedPoints));
}

/** Every acknowledged number of every device once; what is stored besides was sent but its ACK had not come yet. */
async function checkNumbers({ site, findings }: Run, { account, leshan, aiocoap }: Devices): Promise<void> {
  const stored = await site.influx.numbers(SENSOR);
  const acknowledged = new Map<string, Set<number>>();
  for (const { ep, value } of account.acknowledged)
    acknowledged.set(ep, (acknowledged.get(ep) ?? new Set()).add(value));
  let unacknowledged = 0;
  for (const [ep, numbers] of acknowledged) {
    const counts = stored.get(ep) ?? new Map<number, number>();
    const wrong = [...numbers].filter((value) => counts.get(value) !== 1);
    findings.expect(
      wrong.length === 0,
      `${ep}: ${wrong.length} acknowledged numbers not stored exactly once: ${wrong.slice(0, 5)}`,
    );
    for (const [value, count] of counts) {
      findings.expect(count === 1, `${ep}: number ${value} is stored ${count} times`);
      if (value !== 0 && !numbers.has(value)) unacknowledged++; // 0 is the value at the start of the observation
    }
  }
  const { pending } = account;
  findings.expect(unacknowledged <= pending, `${unacknowledged} numbers stored without an ACK, ${pending} pending`);
  for (const trouble of ['gaveUp', 'reset', 'registrationFailed', 'malformed', 'observeCancelled'])
    findings.expect(account.count(trouble) === 0, `raw devices: ${account.count(trouble)} × ${trouble}`);
  checkForeign(
    { findings } as Run,
    AIOCOAP,
    aiocoap.eventsOf('acknowledged').map(({ value }) => Number(value)),
    stored,
  );
  for (const path of [SENSOR, '/3303/1/5700']) {
    const values = leshan.eventsOf('acknowledged').filter((event) => event.path === path);
    checkForeign(
      { findings } as Run,
      LESHAN,
      values.map(({ value }) => Number(value)),
      await site.influx.numbers(path),
    );
  }
}

function checkForeign(
  { findings }: Pick<Run, 'findings'>,
  ep: string,
  acknowledged: readonly number[],
  stored: ReadonlyMap<string, ReadonlyMap<number, number>>,
): void {
  const wrong = acknowledged.filter((value) => stored.get(ep)?.get(value) !== 1);
  findings.expect(acknowledged.length > 0, `${ep}: no notification was acknowledged`);
  findings.expect(
    wrong.length === 0,
    `${ep}: ${wrong.length} acknowledged values not stored exactly once: ${wrong.slice(0, 5)}`,
  );
}

/** Also of what was asked while the server was down. */
function checkReplies({ findings }: Run, requests: readonly AvroRequest[], replies: readonly AvroResponse[]): void {
  const counts = new Map(requests.map((request) => [identityOf(request, request.payload.kind), 0]));
  for (const identity of replies.map(identityOfReply)) counts.set(identity, (counts.get(identity) ?? 0) + 1);
  for (const [identity, count] of counts) findings.expect(count === 1, `${count} replies at the edge to ${identity}`);
  findings.expect(replies.length === requests.length, `${replies.length} replies to ${requests.length} requests`);
}

/** One registration for each device that was never killed, whatever happened to the server. */
function checkRegistrations({ findings }: Run, records: readonly AvroRegistrationResponse[], devices: Devices): void {
  const kinds = new Map<string, string[]>();
  for (const { kind, body } of records) {
    const { ep } = Object.values(body)[0] as { ep: string };
    if (kind !== 'UPDATE') kinds.set(ep, [...(kinds.get(ep) ?? []), kind]);
  }
  for (const name of devices.names) {
    const lives = name === MODBUS ? ['NEW', 'DELETE', 'NEW', 'DELETE'] : ['NEW', 'DELETE'];
    const found = kinds.get(name) ?? [];
    findings.expect(
      found.join() === lives.join(),
      `${name}: registration records ${found.join()} instead of ${lives.join()}`,
    );
  }
  for (const name of kinds.keys()) findings.expect(devices.names.includes(name), `a device nobody started: ${name}`);
}

/** Another Avro implementation reads records of each topic under the schemas of the original system. */
async function judge(run: Run, edge: EdgeRecords): Promise<void> {
  const foreign = await fastavro();
  try {
    for (const name of Object.keys(edge) as (keyof EdgeRecords)[]) await judgeTopic(run, foreign, name, edge[name]);
  } finally {
    await foreign.stop();
  }
}

async function judgeTopic(
  { site, system, findings }: Run,
  foreign: Fastavro,
  name: keyof EdgeRecords,
  records: readonly TopicRecord[],
): Promise<void> {
  const step = Math.max(1, Math.floor(records.length / JUDGED_RECORDS));
  for (const { key, value } of records.filter((_, index) => index % step === 0)) {
    const seen = await decodeAsOriginal(foreign, system.addresses.registryUrl, value!, TOPICS[name].value);
    const seenKey = await decodeAsOriginal(foreign, system.addresses.registryUrl, key!, TOPICS[name].key);
    const inner = name === 'registrations' ? Object.values(seen.body as object)[0] : seen;
    findings.expect(
      inner.ep === seenKey.ep,
      `${site.topic(name)}: fastavro reads key ${seenKey.ep} and value ${inner.ep}`,
    );
  }
}

const schemas = new Map<number, unknown>();

async function decodeAsOriginal(
  foreign: Fastavro,
  registryUrl: string,
  frame: Buffer,
  record: string,
): Promise<Record<string, unknown>> {
  const id = schemaIdOf(frame)!;
  if (!schemas.has(id)) {
    const response = await fetch(`${registryUrl}/schemas/ids/${id}`);
    schemas.set(id, JSON.parse(((await response.json()) as { schema: string }).schema));
  }
  const job = { writer: schemas.get(id), reader: originalSchema(record) };
  return (await foreign.decode(frame.subarray(FRAME_BYTES), job)) as Record<string, unknown>;
}
