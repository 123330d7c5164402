import { INFLUXDB_SETTINGS, ORIENTDB_SETTINGS } from '../connectors/settings.ts';
import { LWM2M_SERVER_SETTINGS } from '../lwm2m-server/settings.ts';
import { REPLICATOR_SETTINGS } from '../replicator/settings.ts';
import { type Command, command, service } from './command.ts';
import { REQUEST_SETTINGS } from './request-settings.ts';
import { TAIL_SETTINGS } from './tail-settings.ts';

/** Every sub-command by name. */
export const COMMANDS: Readonly<Record<string, Command>> = {
  'lwm2m-server': service(
    'the LwM2M server of one gateway, with its bridge to Kafka',
    LWM2M_SERVER_SETTINGS,
    async () => (await import('../lwm2m-server/main.ts')).main,
  ),
  replicator: service(
    'copies topics between the Kafka of a gateway and that of the cloud, both ways',
    REPLICATOR_SETTINGS,
    async () => (await import('../replicator/main.ts')).main,
  ),
  'connector-influxdb': service(
    'writes values and replies of gateways to InfluxDB',
    INFLUXDB_SETTINGS,
    async () => (await import('../connectors/main.ts')).influxdbMain,
  ),
  'connector-orientdb': service('keeps the graph of servers, devices and objects in OrientDB', ORIENTDB_SETTINGS, async () => {
    const { orientdbMain } = await import('../connectors/main.ts');
    const { coreObjectModels } = await import('../lwm2m/model/core-objects.ts');
    const models = coreObjectModels()
      .all()
      .map((model) => ({ ...model, resources: [...model.resources.values()] }));
    return (settings, context) => orientdbMain(settings, { ...context, models });
  }),
  tail: command({
    about: 'prints the records of a topic as they come, decoded, one JSON line each',
    operands: '<topic>',
    settings: TAIL_SETTINGS,
    examples: ['zeelos tail iot.gw1.observations', 'zeelos tail iot.gw1.registrations --from-beginning --limit 10'],
    run: async (settings, context, operands) => (await import('./tail.ts')).tail(settings, context, operands),
  }),
  request: command({
    about: 'sends a command to a device through Kafka, waits for its reply and prints it',
    operands: '<gateway> <endpoint> <kind> <path> [value] | --json <request or ->',
    settings: REQUEST_SETTINGS,
    examples: [
      'zeelos request gw1 sensor-1 read /3303/0/5700',
      'zeelos request gw1 sensor-1 write /1/0/6 false',
      'zeelos request gw1 sensor-1 execute /3303/0/5605',
      'zeelos request gw1 sensor-1 writeAttributes /3303/0/5700 "pmin=1&pmax=10"',
    ],
    run: async (settings, context, operands) => (await import('./request.ts')).request(settings, context, operands),
  }),
};
