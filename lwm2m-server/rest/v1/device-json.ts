import type { Registration } from '../../registration/registration.ts';
import type { RestContext } from '../context.ts';
import { linksJson } from '../legacy/registration-json.ts';

export function deviceJson(registration: Registration, { state }: RestContext) {
  const { smsNumber, behind } = registration;
  const sleeping = state.sleeping(registration);
  const awakeUntilMs = state.awakeUntilMs(registration);
  return {
    endpoint: registration.endpointName,
    registrationId: registration.registrationId,
    address: registration.peer.address,
    port: registration.peer.port,
    secure: state.secure(registration),
    version: registration.version,
    binding: registration.binding,
    lifetimeSeconds: registration.lifetimeSeconds,
    registeredAt: iso(registration.registeredAtMs),
    updatedAt: iso(registration.lastUpdateAtMs),
    rootPath: registration.rootPath,
    ...(smsNumber === undefined ? {} : { smsNumber }),
    queueMode: sleeping !== undefined,
    awake: sleeping !== true,
    ...(awakeUntilMs === undefined ? {} : { awakeUntil: iso(awakeUntilMs) }),
    attributes: registration.attributes ?? {},
    ...(behind === undefined
      ? {}
      : { behind: { gateway: behind.gatewayName, prefix: behind.prefix, deviceId: behind.deviceId } }),
  };
}

export function deviceDetailJson(registration: Registration, context: RestContext) {
  const { models } = context;
  const objects = [...registration.instances].map(([id, instances]) => {
    const version = registration.objectVersions.get(id);
    const model = models.object(id, version);
    return {
      id,
      ...(model === undefined ? {} : { name: model.name }),
      ...(version === undefined ? {} : { version }),
      model: model === undefined ? 'unknown' : version === undefined ? 'exact' : models.versionFit(id, version),
      instances: [...instances].sort((a, b) => a - b),
    };
  });
  return {
    ...deviceJson(registration, context),
    objects: objects.sort((a, b) => a.id - b.id),
    links: linksJson(registration.links),
  };
}

export function iso(ms: number): string {
  return new Date(ms).toISOString();
}
