import { isRetriable, PlatformError } from '../../common/errors.ts';
import type { InfluxClient } from './client.ts';

export interface BucketWish {
  readonly bucket: string;
  /** Make the bucket when it is not there. */
  readonly create: boolean;
  /** How long points are kept, in seconds; 0 for ever. Undefined leaves it as it is. */
  readonly retentionSeconds: number | undefined;
}

interface Bucket {
  readonly id: string;
  readonly retentionRules?: readonly { readonly type: string; readonly everySeconds: number }[];
}

/** The bucket as it is wished. What the credentials may not do is SINK_UNAVAILABLE with the reason: records wait meanwhile. */
export async function ensureBucket(client: InfluxClient, wish: BucketWish, signal: AbortSignal): Promise<void> {
  if (!wish.create && wish.retentionSeconds === undefined) return;
  const query = new URLSearchParams({ org: client.org, name: wish.bucket });
  const found = await passing(
    client
      .call<{ buckets?: readonly Bucket[] }>('GET', `/api/v2/buckets?${query}`, undefined, signal)
      .catch(noneWhenUnknown),
  );
  const bucket = found.buckets?.[0];
  if (bucket === undefined) {
    if (wish.create) await passing(makeBucket(client, wish, signal));
    return;
  }
  const { retentionSeconds } = wish;
  const now = bucket.retentionRules?.find(({ type }) => type === 'expire')?.everySeconds ?? 0;
  if (retentionSeconds === undefined || retentionSeconds === now) return;
  const change = { retentionRules: rules(retentionSeconds) };
  await passing(client.call('PATCH', `/api/v2/buckets/${encodeURIComponent(bucket.id)}`, change, signal));
}

async function makeBucket(client: InfluxClient, wish: BucketWish, signal: AbortSignal): Promise<void> {
  const query = new URLSearchParams({ org: client.org });
  const { orgs } = await client.call<{ orgs: readonly { id: string }[] }>(
    'GET',
    `/api/v2/orgs?${query}`,
    undefined,
    signal,
  );
  const orgID = orgs[0]?.id;
  const made = { orgID, name: wish.bucket, retentionRules: rules(wish.retentionSeconds ?? 0) };
  try {
    await client.call('POST', '/api/v2/buckets', made, signal);
  } catch (error) {
    // Another task made it at the same moment.
    if (!(error instanceof PlatformError && /already exists/.test(error.message))) throw error;
  }
}

function rules(everySeconds: number): readonly { type: 'expire'; everySeconds: number }[] {
  return everySeconds === 0 ? [] : [{ type: 'expire', everySeconds }];
}

/** A bucket that is not there is answered 404 by some versions, with an empty list by others. */
function noneWhenUnknown(error: unknown): { buckets?: readonly Bucket[] } {
  if (error instanceof PlatformError && error.details.status === 404) return {};
  throw error;
}

/** A refusal here says nothing of any record. */
async function passing<T>(work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (error) {
    if (isRetriable(error) || !(error instanceof PlatformError)) throw error;
    throw new PlatformError('SINK_UNAVAILABLE', `preparing the bucket: ${error.message}`, { cause: error });
  }
}
