import { udpPeer } from '../../../lwm2m/coap/transport.ts';
import { parseAnnouncement } from '../../../lwm2m-server/registration/announced-objects.ts';
import { makeRegistration, type Registration } from '../../../lwm2m-server/registration/registration.ts';

/** A registration for tests: what is not said is plain. @param linkText the body that the device registered with */
export function sampleRegistration(
  endpointName: string,
  more: Partial<Registration> = {},
  linkText = '',
): Registration {
  return makeRegistration({
    ...parseAnnouncement(linkText),
    endpointName,
    registrationId: `id-${endpointName}`,
    peer: udpPeer('127.0.0.1', 5000),
    lifetimeSeconds: 60,
    version: '1.0',
    binding: 'U',
    queueMode: false,
    smsNumber: undefined,
    profileId: undefined,
    attributes: undefined,
    registeredAtMs: 0,
    lastUpdateAtMs: 0,
    ...more,
  });
}
