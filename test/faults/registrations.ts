import { START_MS } from '../integration/connectors/influx-records.ts';

/** A new registration with two objects, of the device `d-<serverId>-<number>`. */
export function registration(serverId: string, number: number) {
  const ep = `d-${serverId}-${number}`;
  const record = {
    ...{
      ep,
      serverId,
      regDate: START_MS,
      address: '127.0.0.1',
      port: 1,
      regAddr: 'a',
      regPort: 5683,
      lt: 30,
      sms: null,
    },
    ...{ ver: '1.0', bnd: 'U', regId: `r${number}`, attributes: null, root: '/', lastUp: START_MS },
    links: ['/3/0', '/3303/0'].map((url) => ({ url, at: {} })),
  };
  return { ep, value: { kind: 'NEW', body: { 'io.zeelos.leshan.avro.registration.AvroRegistrationNew': record } } };
}
