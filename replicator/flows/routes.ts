import { z } from 'zod';
import { ERROR_CODES, type ErrorCode } from '../../common/errors.ts';
import type { HealthAnswer, HealthRequest } from '../../common/health.ts';
import type { Access } from '../../common/http/access.ts';
import type { Log } from '../../common/log.ts';
import type { LaneState } from '../copy/lane-state.ts';
import type { Gateway } from '../gateway.ts';
import { gatewayReport } from './report.ts';

export interface FlowsSource {
  readonly gateways: readonly Gateway[];
}

const RATE = z.strictObject({ bytesPerSecond: z.int().min(0).max(10_000_000_000).nullable() });
const MOST_BODY_BYTES = 4_096;

/**
 * `/flows` and what is below it, on the health port: what each lane does, and a hand on it. What is set here lasts until the process ends.
 * Undefined for any other path.
 */
export function flowsRoutes(source: () => FlowsSource, access: Access, log: Log) {
  return async (request: HealthRequest): Promise<HealthAnswer | undefined> => {
    const [root, ...rest] = request.path.split('/').slice(1);
    if (root !== 'flows') return undefined;
    const refusal = access.refusal(request.headers);
    if (refusal !== undefined) return problem(refusal.status, refusal.reason, 'HTTP_ACCESS');
    const [gatewayId, lane, action] = rest;
    const { gateways } = source();
    if (gatewayId === undefined) return onlyFor(request, 'GET', () => json({ gateways: gateways.map(gatewayReport) }));
    const gateway = gateways.find((one) => one.gatewayId === gatewayId);
    if (gateway === undefined || rest.length > 3) return notHere(request.path);
    if (lane === undefined) return onlyFor(request, 'GET', () => json(gatewayReport(gateway)));
    if (lane === 'rate' && action === undefined) return onlyFor(request, 'PUT', () => setRate(gateway, request, log));
    const state = gateway.replicator?.lane(lane);
    if (state === undefined) return notHere(request.path);
    if (action !== 'pause' && action !== 'resume') return notHere(request.path);
    return onlyFor(request, 'POST', () => setPaused(state, action === 'pause', gateway, log));
  };
}

function setPaused(state: LaneState, isPaused: boolean, gateway: Gateway, log: Log): HealthAnswer {
  if (gateway.phase === 'ended' || state.phase === 'ended')
    return problem(409, `the copy of ${gateway.gatewayId} has ended: ${gateway.failure?.message ?? 'it is stopping'}`);
  if (isPaused) state.pause();
  else state.resume();
  log.info({ gateway: gateway.gatewayId, lane: state.plan.name }, isPaused ? 'a lane was paused' : 'a lane goes on');
  return json({ gatewayId: gateway.gatewayId, lane: state.plan.name, paused: isPaused, until: 'restart' });
}

async function setRate(gateway: Gateway, request: HealthRequest, log: Log): Promise<HealthAnswer> {
  const { replicator, gatewayId } = gateway;
  if (replicator === undefined || gateway.phase === 'ended')
    return problem(409, `the copy of ${gatewayId} does not run`);
  const text = await request.body(MOST_BODY_BYTES);
  if (text === undefined) return problem(413, `a body has at most ${MOST_BODY_BYTES} bytes`);
  const given = RATE.safeParse(parsed(text));
  if (!given.success)
    return problem(
      400,
      'expected {"bytesPerSecond": n} with a whole number from 0 to 10000000000, or null for no limit',
    );
  const { bytesPerSecond } = given.data;
  replicator.limit.set(bytesPerSecond ?? undefined);
  log.info({ gateway: gatewayId, bytesPerSecond }, 'the rate towards the cloud was set');
  return json({ gatewayId, bytesPerSecond, until: 'restart' });
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function onlyFor(
  { method }: HealthRequest,
  allowed: 'GET' | 'PUT' | 'POST',
  serve: () => HealthAnswer | Promise<HealthAnswer>,
): HealthAnswer | Promise<HealthAnswer> {
  if (method === allowed || (allowed === 'GET' && method === 'HEAD')) return serve();
  return { ...problem(405, `${method} is not possible here`), headers: { allow: allowed } };
}

function notHere(path: string): HealthAnswer {
  return problem(404, `${path} is not here: no such gateway, lane or action`);
}

function json(value: unknown): HealthAnswer {
  return { status: 200, type: 'application/json', body: JSON.stringify(value) };
}

/** RFC 9457. */
function problem(status: number, detail: string, code: ErrorCode = 'HTTP_REQUEST'): HealthAnswer {
  const { meaning: title, retriable } = ERROR_CODES[code];
  const body = JSON.stringify({ type: 'about:blank', title, status, detail, code, retriable });
  const headers = status === 401 ? { 'www-authenticate': 'Bearer' } : {};
  return { status, type: 'application/problem+json', body, headers };
}
